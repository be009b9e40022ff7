/** snapshot and restore, and what other verbs need to speak of `instance.snapshot`. */
import type { Command } from "commander";
import type { Snapshot } from "../api/snapshot.ts";
import { EngineError } from "../base/errors.ts";
import { isOnTerminal } from "./attach.ts";
import { confirm } from "./question.ts";
import type { Session } from "./session.ts";

export type SnapshotReference = { instance: string; snapshot: string };

/** `web.snapshot1` taken apart; undefined where it names an instance. Names hold no dots. Pure. */
export function snapshotReference(text: string): SnapshotReference | undefined {
  const at = text.indexOf(".");
  if (at < 0) return undefined;
  return { instance: text.slice(0, at), snapshot: text.slice(at + 1) };
}

/** Throws `invalid-argument` where the text names no snapshot. */
export function requiredReference(text: string, verb: string): SnapshotReference {
  const reference = snapshotReference(text);
  if (reference?.instance && reference.snapshot) return reference;
  const missing = reference?.instance === "" ? "an instance to restore" : "a snapshot to restore from";
  throw new EngineError("invalid-argument", `cannot ${verb} ${text}: Need the name of ${missing}.`, {
    hint: `Write the instance, a dot and the snapshot: berth ${verb} web.snapshot1`,
  });
}

/** The snapshot itself; `not-found` where there is none. */
export async function findSnapshot(
  session: Session,
  { instance, snapshot }: SnapshotReference,
): Promise<Snapshot> {
  const { api } = await session.client();
  const found = (await api.snapshots.list({ instance })).items.find((one) => one.name === snapshot);
  if (found) return found;
  const target = `${instance}.${snapshot}`;
  throw new EngineError("not-found", `cannot find ${target}: No such snapshot: ${target}`, {
    hint: "berth list --snapshots shows all.",
  });
}

type SnapshotOptions = { name?: string; comment?: string; m?: string };

export function addSnapshotCommands(program: Command, session: Session): void {
  program
    .command("snapshot")
    .description("Take a snapshot of an instance")
    .argument("<instance>", "a stopped instance")
    .option("-n, --name <name>", "name of the snapshot (default: snapshotN)")
    .option("-c, --comment <comment>", "a comment to keep with it")
    .option("-m <comment>", "the same as --comment")
    .action(async (name: string, options: SnapshotOptions) => {
      const comment = options.comment ?? options.m ?? "";
      const wanted = { name, comment, ...(options.name === undefined ? {} : { snapshot: options.name }) };
      const { target } = await session.operate((api) => api.snapshots.take(wanted));
      session.print(`Snapshot taken: ${target}`);
    });

  program
    .command("restore")
    .description("Restore an instance from a snapshot")
    .argument("<instance.snapshot>", "what a stopped instance shall be again")
    .option("-d, --destructive", "do not keep what the instance is now")
    .action(async (text: string, options: { destructive?: boolean }) => {
      const reference = requiredReference(text, "restore");
      const destructive = options.destructive ?? (await discards(session, reference));
      const { instance: name, snapshot } = reference;
      const { target } = await session.operate((api) =>
        api.snapshots.restore({ name, snapshot, destructive }),
      );
      session.print(`Snapshot restored: ${target}`);
    });
}

/** Asked on a terminal. Without one, what the instance is now is kept; Multipass refuses then. */
async function discards(session: Session, { instance }: SnapshotReference): Promise<boolean> {
  if (session.dialect === "multipass" && !isOnTerminal(session.io)) {
    throw new EngineError(
      "cancelled",
      "Unable to query client for confirmation. Use '--destructive' to automatically discard current machine state.",
    );
  }
  const question = `Do you want to take a snapshot of ${instance} before discarding its current state?`;
  return !(await confirm(session, question, { fallback: true }));
}

/** Removes snapshots for good, which is asked for explicitly: they do not go to the trash. */
export async function removeSnapshots(
  session: Session,
  references: readonly SnapshotReference[],
  options: { purge: boolean },
): Promise<void> {
  if (references.length === 0) return;
  const names = references.map(({ instance, snapshot }) => `${instance}.${snapshot}`).join(", ");
  const question = `Snapshots can only be removed for good. Remove ${names}?`;
  if (!options.purge && !(await confirm(session, question, { fallback: false }))) {
    throw new EngineError(
      "invalid-argument",
      "Snapshots can only be purged (after deletion, they cannot be recovered). Please use the `--purge` flag if that is what you want.",
    );
  }
  // One after the other: they may be of one instance, which does one thing at a time.
  for (const { instance: name, snapshot } of references)
    await session.operate((api) => api.snapshots.remove({ name, snapshot }));
}
