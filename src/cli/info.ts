/** info: facts of instances and of snapshots. */
import { type Command, Option } from "commander";
import type { InstanceDetails } from "../api/instance.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { EngineError } from "../base/errors.ts";
import type { InfoItem } from "./format.ts";
import { type AnyFormat, FORMATS } from "./formats.ts";
import { sorted } from "./instances.ts";
import { formatOption } from "./options.ts";
import { forEach, type Session } from "./session.ts";
import { findSnapshot, snapshotReference } from "./snapshots.ts";

type InfoOptions = { format: AnyFormat; snapshots?: boolean; all?: boolean; runtimeInformation: boolean };

/** What was asked for: facts of instances, and of snapshots. */
export type InfoReport = {
  items: readonly InfoItem[];
  snapshots: readonly Snapshot[];
  /** Snapshots, and nothing else, were wanted. */
  onlySnapshots: boolean;
};

export function addInfoCommand(program: Command, session: Session): void {
  formatOption(
    program
      .command("info")
      .description("Display information about instances")
      .argument(
        "[names...]",
        "instances, or snapshots as instance.snapshot; all instances when none is named",
      )
      .option("--snapshots", "tell of the snapshots of the instances instead")
      .addOption(new Option("--all").hideHelp())
      .addOption(new Option("--no-runtime-information").hideHelp()),
    FORMATS,
  ).action((names: string[], options: InfoOptions) => info(session, names, options));
}

async function info(session: Session, names: string[], options: InfoOptions): Promise<void> {
  if (options.all) warnOfAll(session, names);
  const { instances, references } = apart(names);
  const onlySnapshots = options.snapshots ?? false;
  if (options.format === "csv" && !onlySnapshots && instances.length > 0 && references.length > 0) {
    throw new EngineError(
      "invalid-argument",
      "Mixed snapshot and instance arguments are not supported with CSV format",
    );
  }
  const wanted = names.length > 0 ? instances : await allNames(session);
  const snapshots = await Promise.all(references.map((one) => findSnapshot(session, one)));
  if (onlySnapshots) snapshots.push(...(await snapshotsOf(session, wanted)));
  const print = (items: InfoItem[]) =>
    session.print(
      session.formats.info({ items, snapshots: withoutRepeats(snapshots), onlySnapshots }, options.format),
    );
  // One instance that cannot be asked does not hide the others: they are printed, then the failure.
  const ask = (name: string) => itemOf(session, name, options.runtimeInformation);
  print(onlySnapshots ? [] : await forEach(wanted, ask, print));
}

function warnOfAll(session: Session, names: readonly string[]): void {
  if (names.length > 0) {
    const noun = names.length > 1 ? "names" : "name";
    throw new EngineError("invalid-argument", `Cannot specify ${noun} when --all option set`);
  }
  session.note(
    "Warning: the `--all` flag for the `info` command is deprecated. Please use `info` with no positional arguments for the same effect.",
  );
}

function apart(names: readonly string[]) {
  const references = names.flatMap((name) => snapshotReference(name) ?? []);
  return { references, instances: [...new Set(names.filter((name) => !snapshotReference(name)))] };
}

function withoutRepeats(snapshots: readonly Snapshot[]): Snapshot[] {
  return snapshots.filter((one, at) => snapshots.findIndex(({ id }) => id === one.id) === at);
}

async function allNames(session: Session): Promise<string[]> {
  const { api } = await session.client();
  const { items } = await api.instances.list();
  return sorted(items, await session.primaryName()).map(({ name }) => name);
}

async function snapshotsOf(session: Session, instances: readonly string[]): Promise<Snapshot[]> {
  const { api } = await session.client();
  const lists = await forEach(instances, (instance) => api.snapshots.list({ instance }));
  return lists.flatMap(({ items }) => items);
}

async function itemOf(session: Session, name: string, runtime: boolean): Promise<InfoItem> {
  const { api } = await session.client();
  const instance = await api.instances.get({ name });
  const details: InstanceDetails = runtime ? await api.instances.details({ name }) : { addresses: [] };
  return { instance, details };
}
