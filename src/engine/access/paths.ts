/** Where things are for access. Pure. */
import { DEFAULT_PROJECT } from "../../api/access.ts";
import type { Operation } from "../../api/operation.ts";

export const SYSTEM = "/system";
export const ACCESS = "/access";
export const IMAGES = "/images";

export function projectPath(project: string | undefined): string {
  return `/projects/${project ?? DEFAULT_PROJECT}`;
}

export function instancePath({ name, project }: { name: string; project?: string | undefined }): string {
  return `${projectPath(project)}/instances/${name}`;
}

export function repositoryPath(name: string): string {
  return `/repositories/${name}`;
}

const OF_IMAGES: readonly Operation["kind"][] = [
  "pull-image",
  "build-image",
  "pull-container-image",
  "push-image",
  "load-image",
  "save-image",
];
const OF_REPOSITORIES: readonly Operation["kind"][] = [
  "add-repository",
  "check-repository",
  "prune-repository",
  "verify-backup",
  "drill-backup",
];
const OF_SYSTEM: readonly Operation["kind"][] = ["disable-zone", "enable-zone", "move-storage"];

/**
 * Where an operation works. Of an instance that is no longer there nobody knows whose it was: only those who may see
 * everything may see that.
 */
export function operationPath(
  { kind, target }: Pick<Operation, "kind" | "target">,
  projectOf: (instance: string) => string | undefined,
): string {
  if (OF_IMAGES.includes(kind)) return IMAGES;
  if (OF_SYSTEM.includes(kind)) return SYSTEM;
  const [name = target] = target.split(".");
  if (OF_REPOSITORIES.includes(kind)) return repositoryPath(name);
  const project = projectOf(name);
  return project === undefined ? SYSTEM : instancePath({ name, project });
}
