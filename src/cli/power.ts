/** The verbs that change the power or the existence of one instance, several, or all. */
import { type Command, InvalidArgumentError } from "commander";
import type { Instance } from "../api/instance.ts";
import type { Operation } from "../api/operation.ts";
import { EngineError } from "../base/errors.ts";
import type { EngineApi } from "../client/engine-client.ts";
import { removeLostScripts } from "./aliases.ts";
import { timeoutOption } from "./options.ts";
import { bringUp } from "./primary.ts";
import { forEach, type Limit, type Session } from "./session.ts";
import { removeSnapshots, snapshotReference } from "./snapshots.ts";

type Selection = { all?: boolean };
type Timed = { timeout?: number };
type StopOptions = Selection & { force?: boolean; time?: number; cancel?: boolean };
type Fits = (instance: Pick<Instance, "state" | "container">) => boolean;

const powered: Fits = ({ state }) => !["stopped", "deleted", "failed", "suspended"].includes(state);
const runs: Fits = ({ state, container }) => state === "running" && !container;
const startable: Fits = ({ state }) => state !== "deleted" && state !== "failed";
const notDeleted: Fits = ({ state }) => state !== "deleted";
const deleted: Fits = ({ state }) => state === "deleted";
const isRunningContainer: Fits = ({ state, container }) => state === "running" && container !== undefined;
const isPaused: Fits = (instance) => isRunningContainer(instance) && instance.container?.paused === true;

const OR_PRIMARY = { elsePrimary: true };

/** A verb of several instances, or of all that it fits. */
type Several = (name: string, description: string, all: string) => Command;

export function addPowerCommands(program: Command, session: Session): void {
  const several: Several = (name, description, all) =>
    program
      .command(name)
      .description(description)
      .argument("[names...]", "names of instances")
      .option("--all", all);
  addStart(several, session);
  addSuspend(several, session);
  if (session.dialect === "berth") addPause(several, session);
  addStop(several, session);
  addRestart(several, session);
  addDelete(several, session);
  addPurge(program, session);
}

function addStart(several: Several, session: Session): void {
  const start = timeoutOption(
    several("start", "Start instances, or resume suspended ones", "start all instances"),
  ).action(async (names: string[], options: Selection & Timed & { cold?: boolean }) => {
    const chosen = await select(session, names, options.all, startable, OR_PRIMARY);
    const how = { cold: options.cold ?? false, limit: limitOf(options, "start") };
    await forEach(chosen, (name) => bringUp(session, name, how));
  });
  if (session.dialect === "berth")
    start.option("--cold", "boot suspended instances anew; what was in their memory is lost");
}

function addSuspend(several: Several, session: Session): void {
  several("suspend", "Suspend running instances", "suspend all running instances").action(
    async (names: string[], { all }: Selection) =>
      apply(session, await select(session, names, all, runs, OR_PRIMARY), (api, name) =>
        api.instances.suspend({ name }),
      ),
  );
}

function addPause(several: Several, session: Session): void {
  several("pause", "Halt running containers in memory", "pause all running containers").action(
    async (names: string[], { all }: Selection) =>
      apply(session, await select(session, names, all, isRunningContainer), (api, name) =>
        api.instances.pause({ name }),
      ),
  );
  several("unpause", "Let halted containers go on", "unpause all that are paused").action(
    async (names: string[], { all }: Selection) =>
      apply(session, await select(session, names, all, isPaused), (api, name) =>
        api.instances.unpause({ name }),
      ),
  );
}

function addStop(several: Several, session: Session): void {
  several("stop", "Stop running instances", "stop all running instances")
    .option("--force", "pull the plug; unsaved data in the guest is lost")
    .option("-t, --time <minutes>", "stop only after this time; who is logged in is told", minutes)
    .option("-c, --cancel", "cancel a delayed stop")
    .action(async (names: string[], options: StopOptions) =>
      stop(session, await select(session, names, options.all, powered, OR_PRIMARY), options),
    );
}

function addRestart(several: Several, session: Session): void {
  timeoutOption(several("restart", "Restart instances", "restart all running instances")).action(
    async (names: string[], options: Selection & Timed) => {
      const chosen = await select(session, names, options.all, powered, OR_PRIMARY);
      const limit = limitOf(options, "restart");
      await forEach(chosen, (name) => session.operate((api) => api.instances.restart({ name }), limit));
    },
  );
}

function addDelete(several: Several, session: Session): void {
  several("delete", "Delete instances (into the trash, or for good) and snapshots", "delete all instances")
    .option("-p, --purge", "remove them for good, at once")
    .action(async (names: string[], { all, purge }: Selection & { purge?: boolean }) =>
      deleteAll(session, names, { all: all ?? false, purge: purge ?? false }),
    );
  several("recover", "Recover deleted instances", "recover all deleted instances").action(
    async (names: string[], { all }: Selection) =>
      apply(session, await select(session, names, all, deleted), (api, name) =>
        api.instances.recover({ name }),
      ),
  );
}

function addPurge(program: Command, session: Session): void {
  program
    .command("purge")
    .description("Purge all deleted instances permanently")
    .action(async () => {
      const chosen = await select(session, [], true, deleted);
      await removeLostScripts(session, () =>
        apply(session, chosen, (api, name) => api.instances.purge({ name })),
      );
    });
}

function limitOf({ timeout }: Timed, verb: string): Limit | undefined {
  return timeout === undefined
    ? undefined
    : { seconds: timeout, message: `Timed out waiting for instance to ${verb}.` };
}

/** `web.snapshot1` among the names is a snapshot. */
async function deleteAll(
  session: Session,
  names: readonly string[],
  { all, purge }: { all: boolean; purge: boolean },
): Promise<void> {
  const references = names.flatMap((name) => snapshotReference(name) ?? []);
  const instances = names.filter((name) => !snapshotReference(name));
  await removeSnapshots(session, references, { purge });
  if (references.length > 0 && instances.length === 0) return;
  const chosen = await select(session, instances, all, purge ? () => true : notDeleted);
  const remove = () => apply(session, chosen, (api, name) => api.instances.delete({ name, purge }));
  await (purge ? removeLostScripts(session, remove) : remove());
}

/** `5` and `+5` are five minutes from now. */
export function minutes(text: string): number {
  if (/^\+?\d{1,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Time must be in digit form");
}

async function stop(session: Session, names: readonly string[], options: StopOptions): Promise<void> {
  const { force = false, time = 0, cancel = false } = options;
  const timed = options.time !== undefined;
  if (timed && cancel)
    throw new EngineError("invalid-argument", "Cannot set 'time' and 'cancel' options at the same time");
  if (force && (timed || cancel)) {
    throw new EngineError(
      "invalid-argument",
      "Cannot set 'force' along with 'time' or 'cancel' options at the same time",
    );
  }
  if (cancel) return apply(session, names, (api, name) => api.instances.cancelStop({ name }));
  if (time === 0) return apply(session, names, (api, name) => api.instances.stop({ name, force }));
  // Nobody wants to sit and wait for it: that it will happen is all there is to know.
  const { api } = await session.client();
  await forEach(names, (name) => api.instances.stop({ name, force, delayMs: time * MINUTE_MS }));
}

const MINUTE_MS = 60_000;

/** The names given, or those of all instances in a fitting state; without either the primary, where that is meant. */
async function select(
  session: Session,
  names: readonly string[],
  all: boolean | undefined,
  fits: Fits,
  { elsePrimary = false } = {},
): Promise<string[]> {
  if (all) {
    if (names.length > 0) {
      throw new EngineError(
        "invalid-argument",
        `Cannot specify name${names.length > 1 ? "s" : ""} when --all option set`,
      );
    }
    const { api } = await session.client();
    return (await api.instances.list()).items.filter(fits).map((item) => item.name);
  }
  if (names.length > 0) return [...new Set(names)];
  const primary = elsePrimary ? await session.primaryName() : "";
  if (primary) return [primary];
  throw new EngineError("invalid-argument", "Name argument or --all is required", {
    hint: elsePrimary ? "Note: the primary instance is disabled." : undefined,
  });
}

async function apply(
  session: Session,
  names: readonly string[],
  act: (api: EngineApi, name: string) => Promise<Operation>,
): Promise<void> {
  await forEach(names, (name) => session.operate((api) => act(api, name)));
}
