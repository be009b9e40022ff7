/** All that is kept of access, and each change of it. Pure: a change gives the whole next state, or throws. */
import * as z from "zod";
import {
  AccessGroup,
  AccessName,
  ApiToken,
  type Grant,
  KeptGrant,
  Privilege,
  ProjectLimits,
  ProjectName,
  RoleName,
} from "../../api/access.ts";
import { EngineError } from "../../base/errors.ts";
import { BUILT_IN_ROLES } from "./roles.ts";

const KeptUser = z.object({ name: AccessName, createdAt: z.iso.datetime() });
const KeptRole = z.object({ name: RoleName, privileges: z.array(Privilege) });
const KeptToken = ApiToken.extend({ hash: z.string().min(1) });
const KeptProject = z.object({ name: ProjectName, limits: ProjectLimits });
export type KeptToken = z.infer<typeof KeptToken>;

export const Kept = z.object({
  version: z.literal(1),
  users: z.array(KeptUser),
  groups: z.array(AccessGroup),
  roles: z.array(KeptRole),
  grants: z.array(KeptGrant),
  tokens: z.array(KeptToken),
  projects: z.array(KeptProject).default([]),
});
export type Kept = z.infer<typeof Kept>;

export const NOTHING: Kept = {
  version: 1,
  users: [],
  groups: [],
  roles: [],
  grants: [],
  tokens: [],
  projects: [],
};

export type Change = (kept: Kept) => Kept;

export function withUser(name: string, createdAt: string): Change {
  return (kept) => {
    if (kept.users.some((user) => user.name === name)) throw taken("user", name);
    return { ...kept, users: [...kept.users, { name, createdAt }] };
  };
}

/** With all that is the user's: one who is added again under the same name starts with nothing. */
export function withoutUser(name: string): Change {
  return (kept) => {
    if (!kept.users.some((user) => user.name === name)) throw unknown("remove", "user", name);
    return {
      ...kept,
      users: kept.users.filter((user) => user.name !== name),
      groups: kept.groups.map((group) => ({
        ...group,
        members: group.members.filter((member) => member !== name),
      })),
      grants: kept.grants.filter(({ to }) => to.kind !== "user" || to.name !== name),
      tokens: kept.tokens.filter(({ user }) => user !== name),
    };
  };
}

/** Makes it, or gives it other members. */
export function withGroup({ name, members }: z.infer<typeof AccessGroup>): Change {
  return (kept) => {
    for (const member of members)
      if (!kept.users.some((user) => user.name === member)) throw unknown("change", "user", member);
    const others = kept.groups.filter((group) => group.name !== name);
    return { ...kept, groups: [...others, { name, members: [...new Set(members)] }] };
  };
}

export function withoutGroup(name: string): Change {
  return (kept) => {
    if (!kept.groups.some((group) => group.name === name)) throw unknown("remove", "group", name);
    return {
      ...kept,
      groups: kept.groups.filter((group) => group.name !== name),
      grants: kept.grants.filter(({ to }) => to.kind !== "group" || to.name !== name),
    };
  };
}

export function withRole(role: z.infer<typeof KeptRole>): Change {
  return (kept) => {
    refuseBuiltIn("change", role.name);
    return { ...kept, roles: [...kept.roles.filter(({ name }) => name !== role.name), role] };
  };
}

/** Grants of it stay and give nothing, so that its denials must go first: they would deny nothing any more. */
export function withoutRole(name: string): Change {
  return (kept) => {
    refuseBuiltIn("remove", name);
    if (!kept.roles.some((role) => role.name === name)) throw unknown("remove", "role", name);
    const user = kept.grants.find(({ may }) => may === name);
    if (user) {
      throw new EngineError("busy", `cannot remove role ${name}: ${user.to.name} has it on ${user.path}`, {
        hint: "Take that back first: berth access revoke.",
      });
    }
    return { ...kept, roles: kept.roles.filter((role) => role.name !== name) };
  };
}

export function withGrant(grant: KeptGrant): Change {
  return (kept) => {
    const { to, may } = grant;
    const known = to.kind === "user" ? kept.users : kept.groups;
    if (!known.some(({ name }) => name === to.name)) throw unknown("grant to", to.kind, to.name);
    if (!isKnown(kept, may)) throw unknown("grant", "role", may);
    if (kept.grants.some((one) => isSame(one, grant))) return kept;
    return { ...kept, grants: [...kept.grants, grant] };
  };
}

export function withoutGrant(grant: KeptGrant): Change {
  return (kept) => {
    const grants = kept.grants.filter((one) => !isSame(one, grant));
    if (grants.length < kept.grants.length) return { ...kept, grants };
    const what = `${grant.deny ? "denial" : "grant"} of ${grant.may} on ${grant.path}`;
    throw new EngineError("not-found", `cannot take back ${what}: ${grant.to.name} has no such`, {
      hint: "berth access grants shows them.",
    });
  };
}

export function withToken(token: KeptToken): Change {
  return (kept) => {
    if (!kept.users.some(({ name }) => name === token.user))
      throw unknown("make a token for", "user", token.user);
    if (kept.tokens.some(({ user, name }) => user === token.user && name === token.name))
      throw taken("token", token.name);
    const missing = token.limit?.find(({ may }) => !isKnown(kept, may));
    if (missing) throw unknown("limit it to", "role", missing.may);
    return { ...kept, tokens: [...kept.tokens, token] };
  };
}

export function withoutToken(id: string): Change {
  return (kept) => {
    const tokens = kept.tokens.filter((token) => token.id !== id);
    if (tokens.length === kept.tokens.length) throw unknown("take back", "token", id);
    return { ...kept, tokens };
  };
}

/** Without any limit it is none that is kept. */
export function withLimits(name: string, limits: ProjectLimits): Change {
  return (kept) => {
    const others = kept.projects.filter((project) => project.name !== name);
    return { ...kept, projects: Object.keys(limits).length > 0 ? [...others, { name, limits }] : others };
  };
}

/** What is granted to a user, by name and by groups; `more` are groups that only its way in knows. */
export function grantsOf(kept: Kept, user: string, more: readonly string[] = []): Grant[] {
  const groups = [...groupsOf(kept, user), ...more];
  return kept.grants
    .filter(({ to }) => (to.kind === "user" ? to.name === user : groups.includes(to.name)))
    .map(({ path, may, deny }) => ({ path, may, deny }));
}

export function groupsOf(kept: Kept, user: string): string[] {
  return kept.groups.filter(({ members }) => members.includes(user)).map(({ name }) => name);
}

function isKnown(kept: Kept, may: string): boolean {
  if (may.includes(".")) return true; // A privilege; the schema knows them all.
  return [...BUILT_IN_ROLES, ...kept.roles].some(({ name }) => name === may);
}

function isSame(a: KeptGrant, b: KeptGrant): boolean {
  const key = ({ to, path, may, deny }: KeptGrant) => [to.kind, to.name, path, may, deny].join("\0");
  return key(a) === key(b);
}

function refuseBuiltIn(verb: string, name: string): void {
  if (!BUILT_IN_ROLES.some((role) => role.name === name)) return;
  throw new EngineError("invalid-argument", `cannot ${verb} role ${name}: it comes with Berth`, {
    hint: "Make one of another name.",
  });
}

function unknown(verb: string, kind: string, name: string): EngineError {
  return new EngineError("not-found", `cannot ${verb} ${kind} ${name}: there is none of that name`, {
    hint: `berth access ${kind} list shows them.`,
  });
}

function taken(kind: string, name: string): EngineError {
  return new EngineError("already-exists", `cannot add ${kind} ${name}: there is one of that name`);
}
