/** The contract's procedures, each one call into the engine core. Its type makes the list complete. */
import type { EngineCore } from "../engine-core.ts";
import { accessRoutes } from "./routes/access.ts";
import { aliasRoutes } from "./routes/aliases.ts";
import { auditRoutes } from "./routes/audit.ts";
import { backupRoutes, repositoryRoutes } from "./routes/backups.ts";
import { os } from "./routes/base.ts";
import { diskRoutes } from "./routes/disks.ts";
import { engineRoutes, eventRoutes, operationRoutes, settingRoutes } from "./routes/engine.ts";
import { foreignContainerRoutes } from "./routes/foreign-containers.ts";
import { composeRoutes, containerImageRoutes, imageRoutes } from "./routes/images.ts";
import { instanceRoutes } from "./routes/instances.ts";
import { keyRoutes } from "./routes/keys.ts";
import { mediumRoutes } from "./routes/media.ts";
import { mountRoutes } from "./routes/mounts.ts";
import { networkRoutes, privateNetworkRoutes } from "./routes/networks.ts";
import { portRoutes } from "./routes/ports.ts";
import { projectRoutes } from "./routes/projects.ts";
import { sessionRoutes } from "./routes/sessions.ts";
import { snapshotRoutes } from "./routes/snapshots.ts";
import { storageRoutes } from "./routes/storage.ts";
import { zoneRoutes } from "./routes/zones.ts";

/** All procedures over one engine core; `version` is Berth's. */
export function createRouter(core: EngineCore, version: string) {
  return os.router({
    engine: engineRoutes(core, version),
    settings: settingRoutes(core),
    events: eventRoutes(core),
    instances: instanceRoutes(core),
    ports: portRoutes(core),
    mounts: mountRoutes(core),
    sessions: sessionRoutes(core),
    disks: diskRoutes(core),
    media: mediumRoutes(core),
    networks: networkRoutes(core),
    privateNetworks: privateNetworkRoutes(core),
    zones: zoneRoutes(core),
    snapshots: snapshotRoutes(core),
    repositories: repositoryRoutes(core),
    backups: backupRoutes(core),
    operations: operationRoutes(core),
    aliases: aliasRoutes(core),
    images: imageRoutes(core),
    containerImages: containerImageRoutes(core),
    foreignContainers: foreignContainerRoutes(core),
    composeProjects: composeRoutes(core),
    storage: storageRoutes(core),
    access: accessRoutes(core),
    audit: auditRoutes(core),
    projects: projectRoutes(core),
    keys: keyRoutes(core),
  });
}
