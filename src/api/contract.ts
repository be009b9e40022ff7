/**
 * The engine's whole API: procedures with their paths, shapes and privileges, a file per noun in `contract/`. The
 * OpenAPI document is generated from it. Every mutation answers an Operation at once; follow it by events or
 * `operations.wait`.
 */
import { access } from "./contract/access.ts";
import { aliases } from "./contract/aliases.ts";
import { audit } from "./contract/audit.ts";
import { backups, repositories } from "./contract/backups.ts";
import { composeProjects } from "./contract/compose-projects.ts";
import { containerImages } from "./contract/container-images.ts";
import { disks } from "./contract/disks.ts";
import { engine, events, settings } from "./contract/engine.ts";
import { foreignContainers } from "./contract/foreign-containers.ts";
import { images } from "./contract/images.ts";
import { instances } from "./contract/instances.ts";
import { keys } from "./contract/keys.ts";
import { media } from "./contract/media.ts";
import { mounts } from "./contract/mounts.ts";
import { networks, privateNetworks } from "./contract/networks.ts";
import { operations } from "./contract/operations.ts";
import { ports } from "./contract/ports.ts";
import { projects } from "./contract/projects.ts";
import { sessions } from "./contract/sessions.ts";
import { snapshots } from "./contract/snapshots.ts";
import { storage } from "./contract/storage.ts";
import { zones } from "./contract/zones.ts";

export type { Meta, Needs, Touches } from "./contract/procedure.ts";

export const contract = {
  engine,
  settings,
  events,
  instances,
  ports,
  mounts,
  sessions,
  disks,
  media,
  networks,
  privateNetworks,
  zones,
  snapshots,
  repositories,
  backups,
  operations,
  aliases,
  images,
  containerImages,
  foreignContainers,
  composeProjects,
  storage,
  access,
  audit,
  projects,
  keys,
};

export type Contract = typeof contract;
