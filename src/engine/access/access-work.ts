/** What clients may do with access: each in the name of who asks, who never gives more than they have. */
import type {
  AccessGroup,
  AccessRole,
  AccessUser,
  ApiToken,
  KeptGrant,
  Myself,
  NewToken,
  Privilege,
  ProjectLimits,
} from "../../api/access.ts";
import { EngineError } from "../../base/errors.ts";
import type { Access } from "./access.ts";
import { covers } from "./decide.ts";
import {
  groupsOf,
  type KeptToken,
  withGrant,
  withGroup,
  withLimits,
  withoutGrant,
  withoutGroup,
  withoutRole,
  withoutToken,
  withoutUser,
  withRole,
  withToken,
  withUser,
} from "./kept.ts";
import { ACCESS } from "./paths.ts";
import type { Principal } from "./principal.ts";
import { BUILT_IN_ROLES } from "./roles.ts";
import { drawToken } from "./tokens.ts";

const DAY_MS = 86_400_000;

export class AccessWork {
  readonly #access: Access;
  readonly #now: () => Date;

  constructor(access: Access, now: () => Date = () => new Date()) {
    this.#access = access;
    this.#now = now;
  }

  me(who: Principal): Myself {
    if (who.kind === "owner") return { name: who.name, owner: true, groups: [], grants: [] };
    const grants = [...this.#access.grantsOf(who)];
    return {
      ...{ name: who.name, owner: false, groups: this.#access.groupsOf(who), grants },
      ...(who.limit ? { limit: [...who.limit] } : {}),
    };
  }

  users(): AccessUser[] {
    const { kept } = this.#access;
    return byName(kept.users.map((user) => ({ ...user, groups: groupsOf(kept, user.name) })));
  }

  addUser(name: string): Promise<void> {
    return this.#access.change(withUser(name, this.#now().toISOString()));
  }

  removeUser(name: string): Promise<void> {
    return this.#access.change(withoutUser(name));
  }

  groups(): AccessGroup[] {
    return byName(this.#access.kept.groups);
  }

  setGroup(group: AccessGroup): Promise<void> {
    return this.#access.change(withGroup(group));
  }

  removeGroup(name: string): Promise<void> {
    return this.#access.change(withoutGroup(name));
  }

  /** The built-in ones first, from the least to the most. */
  roles(): AccessRole[] {
    const custom = this.#access.kept.roles.map((role) => ({ ...role, builtIn: false }));
    return [...BUILT_IN_ROLES, ...byName(custom)];
  }

  setRole(name: string, privileges: readonly Privilege[]): Promise<void> {
    return this.#access.change(withRole({ name, privileges: [...new Set(privileges)] }));
  }

  removeRole(name: string): Promise<void> {
    return this.#access.change(withoutRole(name));
  }

  grants(who: Principal): KeptGrant[] {
    return this.#access.kept.grants.filter(
      ({ path }) => this.#isAdmin(who) || this.#access.may(who, "access.delegate", path),
    );
  }

  async grant(who: Principal, grant: KeptGrant): Promise<void> {
    this.#refuseBeyond(who, grant, "grant");
    await this.#access.change(withGrant(grant));
  }

  async revoke(who: Principal, grant: KeptGrant): Promise<void> {
    this.#refuseBeyond(who, grant, "take back");
    await this.#access.change(withoutGrant(grant));
  }

  limit(project: string, limits: ProjectLimits): Promise<void> {
    return this.#access.change(withLimits(project, limits));
  }

  tokens(who: Principal): ApiToken[] {
    const all = this.#isAdmin(who);
    return byName(this.#access.kept.tokens.filter(({ user }) => all || user === who.name).map(shown));
  }

  async addToken(who: Principal, wanted: NewToken): Promise<ApiToken & { token: string }> {
    const { name, user = who.name, limit, days = 30 } = wanted;
    const doing = `cannot make a token for ${user}`;
    if (who.kind === "user" && who.by === "token" && !this.#isAdmin(who))
      throw new EngineError(
        "permission-denied",
        `${doing}: a token makes no other, which could be more than it is`,
      );
    if (user !== who.name && !this.#isAdmin(who))
      throw new EngineError("permission-denied", `${doing}: ${who.name} lacks access.admin on ${ACCESS}`);
    const { id, text, hash } = drawToken();
    const now = this.#now();
    const token: KeptToken = {
      ...{ id, name, user, hash },
      ...(limit ? { limit: limit.map(({ path, may, deny = false }) => ({ path, may, deny })) } : {}),
      createdAt: now.toISOString(),
      expiresAt: new Date(now.getTime() + days * DAY_MS).toISOString(),
    };
    await this.#access.change(withToken(token));
    return { ...shown(token), token: text };
  }

  /** Another's is as one that never was. */
  async removeToken(who: Principal, id: string): Promise<void> {
    const mine = this.tokens(who).some((token) => token.id === id);
    await this.#access.change(withoutToken(mine ? id : ""));
  }

  #isAdmin(who: Principal): boolean {
    return this.#access.may(who, "access.admin", ACCESS);
  }

  /** Whoever may only delegate gives what they have there themselves, and denies nothing: that could be an administrator's. */
  #refuseBeyond(who: Principal, { path, may, deny }: KeptGrant, verb: string): void {
    if (this.#isAdmin(who)) return;
    const refuse = (reason: string) =>
      new EngineError("permission-denied", `cannot ${verb} ${may} on ${path}: ${who.name} ${reason}`);
    if (!this.#access.may(who, "access.delegate", path)) throw refuse(`lacks access.delegate on ${path}`);
    if (deny) throw refuse(`lacks access.admin on ${ACCESS}, which a denial needs`);
    const held = may.includes(".") ? [may as Privilege] : [...(this.#access.roles.get(may) ?? [])];
    const lacking = held.find((privilege) => !this.#access.may(who, privilege, path));
    if (lacking) throw refuse(`lacks ${lacking} there`);
    if (this.#isDeniedBeneath(who, path, held)) throw refuse("is denied some of it beneath that");
  }

  /** What one is denied further down would be given away with what lies above it. */
  #isDeniedBeneath(who: Principal, path: string, held: readonly Privilege[]): boolean {
    if (who.kind === "owner") return false;
    const beneath = [...this.#access.grantsOf(who), ...(who.limit ?? [])].filter(
      (one) => one.deny && covers(path, one.path),
    );
    return beneath.some((one) => held.some((privilege) => !this.#access.may(who, privilege, one.path)));
  }
}

function shown({ hash: _hash, ...token }: KeptToken): ApiToken {
  return token;
}

function byName<T extends { name: string }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => a.name.localeCompare(b.name));
}
