/** How access is printed. Pure. */
import type {
  AccessGroup,
  AccessRole,
  AccessUser,
  ApiToken,
  Grant,
  KeptGrant,
  Myself,
} from "../api/access.ts";
import { type Format, json, rows, table } from "./format.ts";

export function formatMyself(me: Myself, format: Format): string {
  if (format === "json") return json(me);
  if (me.owner) return `${me.name}, the owner of this engine, who may do everything\n`;
  return rows([
    ["User", me.name],
    ...(me.groups.length > 0 ? [["Groups", me.groups.join(", ")] as const] : []),
    ...sentences("May", me.grants),
    ...sentences("By this token no more than", me.limit ?? []),
  ]);
}

function sentences(title: string, grants: readonly Grant[]): [string, string][] {
  return grants.map((one, index) => [
    index === 0 ? title : "",
    `${one.deny ? "not " : ""}${one.may} on ${one.path}`,
  ]);
}

export function formatUsers(items: readonly AccessUser[], format: Format): string {
  if (format === "json") return json({ users: items });
  if (items.length === 0) return "No users: nobody but the owner uses this engine.\n";
  return table(
    ["Name", "Groups", "Added"],
    items.map(({ name, groups, createdAt }) => [name, groups.join(", ") || "--", createdAt]),
  );
}

export function formatGroups(items: readonly AccessGroup[], format: Format): string {
  if (format === "json") return json({ groups: items });
  if (items.length === 0) return "No groups.\n";
  return table(
    ["Name", "Members"],
    items.map(({ name, members }) => [name, members.join(", ") || "--"]),
  );
}

export function formatRoles(items: readonly AccessRole[], format: Format): string {
  if (format === "json") return json({ roles: items });
  return items
    .map(
      ({ name, builtIn, privileges }) =>
        `${name}${builtIn ? "" : " (your own)"}\n  ${privileges.join("\n  ")}\n`,
    )
    .join("\n");
}

export function formatGrants(items: readonly KeptGrant[], format: Format): string {
  if (format === "json") return json({ grants: items });
  if (items.length === 0) return "Nothing is granted.\n";
  return table(
    ["Who", "Role", "Path", "Denied"],
    items.map(({ to, may, path, deny }) => [
      to.kind === "group" ? `group:${to.name}` : to.name,
      ...[may, path, deny ? "yes" : "no"],
    ]),
  );
}

export function formatTokens(items: readonly ApiToken[], format: Format): string {
  if (format === "json") return json({ tokens: items });
  if (items.length === 0) return "No tokens.\n";
  return table(
    ["Id", "Name", "User", "Good until", "At most"],
    items.map(({ id, name, user, expiresAt, limit }) => [
      ...[id, name, user, expiresAt],
      limit?.map(({ may, path }) => `${may}@${path}`).join(" ") ?? "--",
    ]),
  );
}
