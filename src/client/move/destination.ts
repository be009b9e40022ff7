/** How an instance gets to where it goes, and away from there again. Asked for nothing twice that it has done. */
import type { EngineInfo } from "../../api/engine-info.ts";
import type { Instance } from "../../api/instance.ts";
import type { MoveMark } from "../../api/move.ts";
import type { Operation, Progress } from "../../api/operation.ts";
import { EngineError } from "../../base/errors.ts";
import { sendAll, wholeOf } from "../carry.ts";
import type { EngineApi, EngineClient } from "../engine-client.ts";
import { type MovePlan, planMove, specOf } from "./plan.ts";

/** One that works with an engine: shows how far an operation of it is, and follows it to its end. */
export type Worker = {
  client: EngineClient;
  signal: AbortSignal;
  show: (progress: Progress) => void;
};

/** What taking something away there may last. */
const REMOVE_MS = 120_000;

export type Wanted = Pick<MoveMark, "id" | "as">;

export interface Destination {
  plan(instance: Instance, as: string, verb: "move" | "copy"): Promise<MovePlan>;
  /** All or nothing. Resolves with what to tell of it, if anything. */
  copy(source: Worker, name: string, wanted: Wanted): Promise<string | undefined>;
  /** Whether it can be booted there by us. */
  boots: boolean;
  /** Boots it, and stops it again where it shall not run. */
  boot(wanted: Wanted, keepRunning: boolean): Promise<void>;
  /** Rejects where it is not there as it was brought. */
  confirm(wanted: Wanted): Promise<void>;
  /** Takes away what was brought there: to the trash where it may have been used. No effect where there is nothing. */
  remove(wanted: Wanted, options: { purge: boolean }): Promise<void>;
}

/** Begins an operation and follows it. */
export async function done(
  { client, signal, show }: Worker,
  begin: (api: EngineApi) => Promise<Operation>,
): Promise<Operation> {
  return client.watchOperation(await begin(client.api), { signal, onProgress: show });
}

/** Resolves when nothing is done with it any more, such as an export whose reader has gone. */
export async function settled(
  { client: { api }, signal }: Pick<Worker, "client" | "signal">,
  { operation }: Pick<Instance, "operation">,
): Promise<void> {
  if (operation !== undefined) await api.operations.wait({ id: operation }, { signal });
}

/** Another engine. */
export function engineDestination(there: Worker, to: string, here: EngineInfo): Destination {
  const { api } = there.client;
  // Also where the user has called all off.
  const patient = () => ({ ...there, signal: AbortSignal.timeout(REMOVE_MS) });
  const find = async ({ id }: Wanted): Promise<Instance | undefined> =>
    (await api.instances.list()).items.find((one) => one.id === id);
  return {
    plan: async (instance, as, verb) => {
      const isVm = instance.kind === "vm";
      const [info, found] = await Promise.all([
        api.engine.info(),
        isVm ? api.instances.check(specOf(instance, as)).then(({ items }) => items) : [],
      ]);
      return planMove({ instance, as, verb, to, there: { here, info, found } });
    },
    copy: async ({ client, signal, show }, name, { id, as }) => {
      // Nothing of it is kept on its way: the engine there encrypts it again.
      const file = await client.export(name, { plain: true }, { signal });
      try {
        const made = await there.client.importInstance({ id, as }, { signal });
        const told = (bytes: number) => show({ phase: "transfer", done: bytes });
        await sendAll(wholeOf(file), made, { doing: `copy ${name}`, told });
      } finally {
        file.exited.catch(() => {});
        file.close();
      }
      return undefined;
    },
    boots: true,
    boot: async ({ as }, keepRunning) => {
      await done(there, (at) => at.instances.start({ name: as }));
      if (!keepRunning) await done(there, (at) => at.instances.stop({ name: as }));
    },
    confirm: async (wanted) => {
      const found = await find(wanted);
      if (found && found.state !== "deleted" && found.state !== "failed") return;
      throw new EngineError("not-found", `cannot confirm the move: ${wanted.as} is not at ${to} any more`, {
        hint: "Take the move back: berth move --undo",
      });
    },
    remove: async (wanted, { purge }) => {
      const found = await find(wanted);
      if (!found || (found.state === "deleted" && !purge)) return;
      await settled(patient(), found);
      const still = await find(wanted);
      if (still) await done(patient(), (at) => at.instances.delete({ name: still.name, purge }));
    },
  };
}

/** Where nobody is asked for anything: what is there is looked after by others. */
export function leftAlone(to: string): Destination {
  const nothing = async () => {};
  return {
    plan: async (instance, as, verb) => planMove({ instance, as, verb, to, there: undefined }),
    copy: async () => undefined,
    ...{ boots: false, boot: nothing, confirm: nothing, remove: nothing },
  };
}

/** A repository that both engines know. Its backup is one like any other, and stays. */
export function repositoryDestination(to: string, repository: string): Destination {
  return {
    ...leftAlone(to),
    copy: async (source, name, { as }) => {
      const { progress } = await done(source, (at) =>
        at.backups.create({ name, repository, full: false, isProtected: true }),
      );
      const backup = progress?.message?.slice(0, 8) ?? "ID";
      return `On the other host: berth backup restore ${backup} --as ${as}`;
    },
  };
}
