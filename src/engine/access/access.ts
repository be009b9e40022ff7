/**
 * The book of who may do what, and its only writer. Durable before it counts, and asked anew for every request, so that what
 * is taken back is gone at once. Without users there is no file. One that cannot be read lets nobody in but the owner.
 */
import * as z from "zod";
import type { Grant, Privilege, ProjectLimits } from "../../api/access.ts";
import { KeyedQueue } from "../../base/async.ts";
import { readIfThere, writeFileDurable } from "../../base/durable.ts";
import { EngineError } from "../../base/errors.ts";
import { Emitter } from "../../base/event.ts";
import { decide, decideAnywhere } from "./decide.ts";
import { type Change, grantsOf, groupsOf, Kept, type KeptToken, NOTHING } from "./kept.ts";
import type { Principal, User } from "./principal.ts";
import { type Roles, rolesWith } from "./roles.ts";
import { idIn, isToken } from "./tokens.ts";

/** Whoever is known may ask what engine this is; lists hold what may be seen, and may be empty. */
const EVERYONE: readonly Privilege[] = ["system.view"];

export type AccessParts = { file: string; now: () => Date };

export class Access {
  readonly #parts: AccessParts;
  readonly #changes = new KeyedQueue();
  readonly #changed = new Emitter<void>();
  #kept: Kept;
  #roles: Roles;
  /** Why the file cannot be read. */
  readonly damage: string | undefined;
  /** Fires when somebody may do less or more than before. */
  readonly onDidChange = this.#changed.event;

  constructor(parts: AccessParts, kept: Kept = NOTHING, damage?: string) {
    this.#parts = parts;
    this.#kept = kept;
    this.#roles = rolesWith(kept.roles);
    this.damage = damage;
  }

  static async open(parts: AccessParts): Promise<Access> {
    const text = await readIfThere(parts.file);
    if (text === undefined) return new Access(parts);
    try {
      const { data, error } = Kept.safeParse(JSON.parse(text));
      return data ? new Access(parts, data) : new Access(parts, NOTHING, z.prettifyError(error));
    } catch (error) {
      return new Access(parts, NOTHING, (error as Error).message);
    }
  }

  get kept(): Kept {
    return this.#kept;
  }

  /** Whether anybody but the owner may use the engine. */
  get isShared(): boolean {
    return this.#kept.users.length > 0;
  }

  /** By the names of projects that have any. */
  get limits(): ReadonlyMap<string, ProjectLimits> {
    return new Map(this.#kept.projects.map(({ name, limits }) => [name, limits]));
  }

  get roles(): Roles {
    return this.#roles;
  }

  /** Resolves when it is on disk. What was decided by the old state before that, was decided before. */
  change(change: Change): Promise<void> {
    return this.#changes.run("", async () => {
      this.#refuseDamaged();
      const next = change(this.#kept);
      if (next === this.#kept) return;
      await writeFileDurable(this.#parts.file, `${JSON.stringify(next, null, 2)}\n`);
      this.#kept = next;
      this.#roles = rolesWith(next.roles);
      this.#changed.fire();
    });
  }

  /** Whose a token is; undefined for one that is wrong, expired or taken back. */
  holderOf(text: string): User | undefined {
    const id = idIn(text);
    const token = this.#kept.tokens.find((one) => one.id === id);
    if (!token || !isToken(text, token.hash) || this.#isOver(token)) return undefined;
    const { user, limit } = token;
    return { kind: "user", name: user, groups: [], by: "token", credential: token.id, limit };
  }

  /** When what lets this one in ends by itself. */
  endOf(who: Principal): Date | undefined {
    const token = who.kind === "user" && who.by === "token" ? this.#tokenOf(who) : undefined;
    return token && new Date(token.expiresAt);
  }

  /** Whether what has let this one in still would. */
  isKnown(who: Principal): boolean {
    if (who.kind === "owner") return true;
    if (!this.#kept.users.some(({ name }) => name === who.name)) return false;
    if (who.by !== "token") return true;
    const token = this.#tokenOf(who);
    return token !== undefined && !this.#isOver(token);
  }

  may(who: Principal, privilege: Privilege, path: string): boolean {
    if (who.kind === "owner") return true;
    return (
      this.isKnown(who) && this.#sets(who).every((grants) => decide(privilege, path, grants, this.#roles))
    );
  }

  /** On any path at all. */
  mayAnywhere(who: Principal, privilege: Privilege): boolean {
    if (who.kind === "owner") return true;
    if (!this.isKnown(who)) return false;
    return EVERYONE.includes(privilege) || decideAnywhere(privilege, this.#sets(who), this.#roles);
  }

  groupsOf(who: User): string[] {
    return [...new Set([...groupsOf(this.#kept, who.name), ...who.groups])];
  }

  grantsOf(who: User): Grant[] {
    return grantsOf(this.#kept, who.name, who.groups);
  }

  /** All of these must allow it. */
  #sets(who: User): Grant[][] {
    const own = this.grantsOf(who);
    return who.limit ? [own, [...who.limit]] : [own];
  }

  #tokenOf(who: User): KeptToken | undefined {
    return this.#kept.tokens.find(({ id, user }) => id === who.credential && user === who.name);
  }

  #isOver({ expiresAt }: KeptToken): boolean {
    return this.#parts.now().getTime() >= Date.parse(expiresAt);
  }

  #refuseDamaged(): void {
    if (this.damage === undefined) return;
    throw new EngineError(
      "wrong-state",
      `cannot change access: ${this.#parts.file} cannot be read: ${this.damage}`,
      {
        hint: "Repair that file or move it away, then restart the engine. Until then only the owner gets in.",
      },
    );
  }
}
