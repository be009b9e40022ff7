/**
 * What of a container a backup keeps beside its files: enough to make it again on any runtime. The values of its environment
 * are often secrets, and are not in it. Read back it is another's word, and checked as such. Pure.
 */
import { createHash } from "node:crypto";
import * as z from "zod";
import { ContainerImage, ContainerSpec, NamedVolume } from "../../api/container.ts";
import type { LaunchSpec } from "../../api/instance.ts";
import type { OpenTrees, TreeVolume } from "../drivers/trees.ts";
import { type ContainerRecord, Descriptor } from "../store/record.ts";
import { VERSION } from "./definition-version.ts";

/** Where it lies in a backup: the container's own file system, its volumes by name, and what its image said. */
export const ROOT = "/rootfs";
export const VOLUMES = "/volumes";
export const IMAGE = "/image.json";

const { id, name, arch, cpus, memoryBytes, image, network, labels, createdAt } = Descriptor.shape;
const { name: VolumeName, target: Target } = NamedVolume.shape;
const LONGEST_VOLUME = 128;

export const ContainerDefinition = z.object({
  version: z.literal(VERSION),
  kind: z.literal("container"),
  ...{ id, name, arch, cpus, memoryBytes, image, network, labels, createdAt },
  container: z.object({
    ...ContainerSpec.omit({ env: true, runtime: true }).shape,
    image: ContainerImage.pick({ reference: true, id: true }),
  }),
  env: z
    .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/))
    .max(10_000)
    .describe("Names, without their values"),
  volumes: z
    .array(
      z.object({
        name: VolumeName,
        target: Target.refine((text) => !text.split("/").includes(".."), "leads elsewhere"),
        isAnonymous: z.boolean(),
      }),
    )
    .max(1000),
});
export type ContainerDefinition = z.infer<typeof ContainerDefinition>;

export function containerDefinitionOf(
  descriptor: Descriptor,
  { volumes, image }: Pick<OpenTrees, "volumes" | "image">,
): ContainerDefinition {
  const { env = {}, ...container } = descriptor.container ?? {};
  // What its image says anyway is no secret.
  const ofImage = new Set<unknown>(Array.isArray(image["Env"]) ? image["Env"] : []);
  const own = Object.entries(env).filter(([variable, value]) => !ofImage.has(`${variable}=${value}`));
  // What it has beside the fields of a definition is left out by the schema.
  return ContainerDefinition.parse({
    ...descriptor,
    ...{ version: VERSION, container, volumes, env: own.map(([variable]) => variable) },
  });
}

/** What a launch of the same container would ask for, but for its volumes and for what concerns the host. */
export function containerSpecOf(
  definition: ContainerDefinition,
  as: string | undefined,
  env: Readonly<Record<string, string>>,
): LaunchSpec {
  const { arch, cpus, memoryBytes, network, labels } = definition;
  const { privileged: _p, capAdd: _c, networks: _n, volumes: _v, image, ...own } = definition.container;
  return {
    ...{ name: as ?? definition.name, arch, network, labels, image: image.reference },
    ...(cpus > 0 ? { cpus } : {}),
    ...(memoryBytes > 0 ? { memoryBytes } : {}),
    container: { ...own, ...(Object.keys(env).length > 0 ? { env: { ...env } } : {}) },
  };
}

/** What it does not get back by itself, in words. */
export function leftOutOf({ container, env }: ContainerDefinition, given: ContainerRecord["env"]): string[] {
  const { privileged, capAdd = [], networks = [] } = container;
  const ofHost = [
    ...(privileged ? ["its privileges"] : []),
    ...(capAdd.length > 0 ? [`the capabilities ${capAdd.join(", ")}`] : []),
    ...(networks.length > 0 ? [`the networks ${networks.join(", ")}`] : []),
  ];
  const missing = env.filter((variable) => given?.[variable] === undefined);
  return [
    ...(ofHost.length > 0 ? [`What concerns this host is not taken over: ${ofHost.join("; ")}.`] : []),
    ...(missing.length > 0
      ? [`Values of its environment are in no backup: give ${missing.join(", ")} by --env.`]
      : []),
  ];
}

export type RestoredVolume = TreeVolume & {
  /** Its tree in the backup. */
  path: string;
};

/** Volumes of a new instance are new ones, whatever has these names on its host: nobody else's is written to. */
export function restoredVolumes({ volumes }: ContainerDefinition, instance: string): RestoredVolume[] {
  const ending = `-${instance.slice(0, 8)}`;
  const newName = (volume: TreeVolume) =>
    volume.isAnonymous
      ? createHash("sha256").update(`${instance} ${volume.name}`).digest("hex")
      : `${volume.name.slice(0, LONGEST_VOLUME - ending.length)}${ending}`;
  return volumes.map((volume) => ({
    ...volume,
    name: newName(volume),
    path: `${VOLUMES}/${volume.name}`,
  }));
}

/** Those with names as an instance asks for them; what was not to be written to is not. `now`: those that it has, of which others stay. */
export function namedVolumes(
  { container }: ContainerDefinition,
  volumes: readonly RestoredVolume[],
  now: readonly NamedVolume[] = [],
): NamedVolume[] {
  const before = container.volumes ?? [];
  const restored = volumes
    .filter(({ isAnonymous }) => !isAnonymous)
    .map(({ name, target }) => {
      const isReadOnly = before.find((one) => one.target === target)?.readOnly;
      return { name, target, ...(isReadOnly ? { readOnly: true } : {}) };
    });
  const targets = new Set(volumes.map(({ target }) => target));
  return [...restored, ...now.filter(({ target }) => !targets.has(target))];
}
