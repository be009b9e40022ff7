/**
 * The one writer of aliases. They are kept by the instance's id, so that they follow a rename and are gone with a
 * purge; names are put in when they are told.
 */
import * as z from "zod";
import type { Alias, AliasBook } from "../api/alias.ts";
import { EngineError } from "../base/errors.ts";
import type { AliasesApi } from "./engine-core.ts";
import type { Log } from "./log.ts";

const KEY = "internal.aliases";
const DEFAULT_CONTEXT = "default";

const Kept = z.object({
  active: z.string(),
  contexts: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({ id: z.uuid(), command: z.string(), workingDirectory: z.enum(["map", "default"]) }),
    ),
  ),
});
type Kept = z.infer<typeof Kept>;

/** How aliases know instances. */
export type Instances = {
  /** `not-found` where there is none of that name. */
  idOf(name: string): string;
  /** Undefined where the instance is gone. */
  nameOf(id: string): string | undefined;
};

/** Where they are kept. */
type Memory = {
  readSetting(key: string): unknown;
  writeSettings(patch: Readonly<Record<string, unknown>>): void;
};

export class Aliases implements AliasesApi {
  readonly #store: Memory;
  readonly #instances: Instances;
  #kept: Kept;

  constructor(store: Memory, instances: Instances, log: Log) {
    this.#store = store;
    this.#instances = instances;
    const stored = store.readSetting(KEY);
    const parsed = Kept.safeParse(stored);
    if (!parsed.success && stored !== undefined)
      log.warn("the stored aliases cannot be read; there are none now");
    this.#kept = parsed.success ? parsed.data : { active: DEFAULT_CONTEXT, contexts: {} };
  }

  list(): AliasBook {
    const { active } = this.#kept;
    const contexts = Object.entries(this.#kept.contexts).map(
      ([name, aliases]) => [name, this.#named(aliases)] as const,
    );
    const shown = contexts.filter(([name, aliases]) => name === active || Object.keys(aliases).length > 0);
    return { active, contexts: { [active]: {}, ...Object.fromEntries(shown) } };
  }

  add(alias: string, { instance, command, workingDirectory }: Alias, context = this.#kept.active): AliasBook {
    const id = this.#instances.idOf(instance);
    const present = this.list().contexts[context] ?? {};
    if (Object.hasOwn(present, alias)) {
      throw new EngineError("already-exists", `cannot add ${alias}: alias '${alias}' already exists`, {
        hint: `Choose another name, or remove it first: berth unalias ${alias}`,
      });
    }
    const added = { ...this.#kept.contexts[context], [alias]: { id, command, workingDirectory } };
    return this.#keep({ ...this.#kept, contexts: { ...this.#kept.contexts, [context]: added } });
  }

  remove(alias: string, context = this.#kept.active): AliasBook {
    const present = this.#kept.contexts[context] ?? {};
    if (!Object.hasOwn(present, alias)) {
      throw new EngineError("not-found", `cannot remove ${alias}: nonexistent alias: ${alias}`, {
        hint: "berth aliases lists them.",
      });
    }
    const { [alias]: _removed, ...rest } = present;
    return this.#keep({ ...this.#kept, contexts: { ...this.#kept.contexts, [context]: rest } });
  }

  prefer(context: string): AliasBook {
    return this.#keep({ ...this.#kept, active: context });
  }

  #keep(next: Kept): AliasBook {
    const contexts = Object.entries(next.contexts).flatMap(([name, aliases]) => {
      const living = Object.entries(aliases).filter(([, { id }]) => this.#instances.nameOf(id) !== undefined);
      return living.length > 0 ? [[name, Object.fromEntries(living)] as const] : [];
    });
    const kept = { active: next.active, contexts: Object.fromEntries(contexts) };
    this.#store.writeSettings({ [KEY]: kept });
    this.#kept = kept;
    return this.list();
  }

  #named(aliases: Kept["contexts"][string]): Record<string, Alias> {
    const named = Object.entries(aliases).flatMap(([alias, { id, command, workingDirectory }]) => {
      const instance = this.#instances.nameOf(id);
      return instance === undefined ? [] : [[alias, { instance, command, workingDirectory }] as const];
    });
    return Object.fromEntries(named);
  }
}
