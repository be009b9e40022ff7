/** The verbs that change the power or the existence of one instance, several, or all. */
import { type Command, InvalidArgumentError } from "commander";
import type { InstanceState } from "../api/instance.ts";
import { PRIMARY_NAME } from "../api/names.ts";
import type { Operation } from "../api/operation.ts";
import { EngineError } from "../base/errors.ts";
import type { EngineApi } from "../client/engine-client.ts";
import { forEach, type Session } from "./session.ts";
import { removeSnapshots, snapshotReference } from "./snapshots.ts";

type Selection = { all?: boolean };
type StopOptions = Selection & { force?: boolean; time?: number; cancel?: boolean };
type Fits = (state: InstanceState) => boolean;

const powered: Fits = (state) => !["stopped", "deleted", "failed", "suspended"].includes(state);
const runs: Fits = (state) => state === "running";
const startable: Fits = (state) => state !== "deleted" && state !== "failed";
const notDeleted: Fits = (state) => state !== "deleted";
const deleted: Fits = (state) => state === "deleted";

export function addPowerCommands(program: Command, session: Session): void {
  const several = (name: string, description: string, all: string) =>
    program
      .command(name)
      .description(description)
      .argument("[names...]", "names of instances")
      .option("--all", all);
  const orPrimary = { elsePrimary: true };

  several("start", "Start instances, or resume suspended ones", "start all instances")
    .option("--cold", "boot suspended instances anew; what was in their memory is lost")
    .action(async (names: string[], { all, cold }: Selection & { cold?: boolean }) =>
      apply(session, await select(session, names, all, startable, orPrimary), (api, name) =>
        api.instances.start({ name, cold: cold ?? false }),
      ),
    );
  several("suspend", "Suspend running instances", "suspend all running instances").action(
    async (names: string[], { all }: Selection) =>
      apply(session, await select(session, names, all, runs, orPrimary), (api, name) =>
        api.instances.suspend({ name }),
      ),
  );
  several("stop", "Stop running instances", "stop all running instances")
    .option("--force", "pull the plug; unsaved data in the guest is lost")
    .option("-t, --time <minutes>", "stop only after this time; who is logged in is told", minutes)
    .option("-c, --cancel", "cancel a delayed stop")
    .action(async (names: string[], options: StopOptions) =>
      stop(session, await select(session, names, options.all, powered, orPrimary), options),
    );
  several("restart", "Restart instances", "restart all running instances").action(
    async (names: string[], { all }: Selection) =>
      apply(session, await select(session, names, all, powered, orPrimary), (api, name) =>
        api.instances.restart({ name }),
      ),
  );
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
  program
    .command("purge")
    .description("Purge all deleted instances permanently")
    .action(async () =>
      apply(session, await select(session, [], true, deleted), (api, name) => api.instances.purge({ name })),
    );
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
  await apply(session, await select(session, instances, all, notDeleted), (api, name) =>
    api.instances.delete({ name, purge }),
  );
}

/** `5` and `+5` are five minutes from now. */
export function minutes(text: string): number {
  if (/^\+?\d{1,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`${text} is not a valid number of minutes.`);
}

async function stop(session: Session, names: readonly string[], options: StopOptions): Promise<void> {
  const { force = false, time = 0, cancel = false } = options;
  if (cancel && (force || options.time !== undefined)) {
    throw new EngineError("invalid-argument", "Cannot combine --cancel with --time or --force");
  }
  if (force && options.time !== undefined) {
    throw new EngineError("invalid-argument", "Cannot combine --force with --time");
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
      throw new EngineError("invalid-argument", "Cannot specify name when --all option set");
    }
    const { api } = await session.client();
    return (await api.instances.list()).items.filter((item) => fits(item.state)).map((item) => item.name);
  }
  if (names.length > 0) return [...new Set(names)];
  if (!elsePrimary) throw new EngineError("invalid-argument", "Name argument or --all is required");
  return [PRIMARY_NAME];
}

async function apply(
  session: Session,
  names: readonly string[],
  act: (api: EngineApi, name: string) => Promise<Operation>,
): Promise<void> {
  await forEach(names, (name) => session.operate((api) => act(api, name)));
}
