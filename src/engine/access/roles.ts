/** The roles that come with Berth. Each has what its line says and nothing more; others are the administrator's. Pure. */
import { type AccessRole, Privilege } from "../../api/access.ts";

const LOOK: readonly Privilege[] = [
  "system.view",
  "project.view",
  "instance.view",
  "instance.metrics",
  "repository.view",
];

const ENTER: readonly Privilege[] = [
  "instance.console",
  "instance.exec",
  "instance.files.read",
  "instance.files.write",
  "instance.forward",
  "instance.power",
  "snapshot.create",
  "network.use",
  "image.use",
  "secret.use",
];

const KEEP: readonly Privilege[] = ["backup.create", "backup.verify", "backup.restore"];

const MAKE: readonly Privilege[] = [
  "instance.create",
  "instance.delete",
  "instance.config",
  "instance.clone",
  "instance.migrate",
  "snapshot.rollback",
  "snapshot.delete",
  "network.edit",
  "image.add",
];

const OPERATOR = [...LOOK, ...ENTER, ...MAKE, ...KEEP];

const BUILT_IN: Readonly<Record<string, readonly Privilege[]>> = {
  auditor: [...LOOK, "audit.read"],
  user: [...LOOK, ...ENTER],
  operator: OPERATOR,
  "backup-op": [...LOOK, "snapshot.create", ...KEEP, "backup.prune", "secret.use"],
  "project-admin": [...OPERATOR, "backup.prune", "project.edit", "access.delegate"],
  admin: Privilege.options,
};

export const BUILT_IN_ROLES: readonly AccessRole[] = Object.entries(BUILT_IN).map(([name, privileges]) => ({
  name,
  privileges: [...privileges],
  builtIn: true,
}));

/** What each role holds, by its name. */
export type Roles = ReadonlyMap<string, ReadonlySet<Privilege>>;

export function rolesWith(custom: readonly Pick<AccessRole, "name" | "privileges">[]): Roles {
  return new Map([...custom, ...BUILT_IN_ROLES].map(({ name, privileges }) => [name, new Set(privileges)]));
}
