/**
 * Every action on an instance that exists, in one table: the operation it is, what the instance shows meanwhile, and
 * the work. Which of them may happen when is `transitions.ts`'s; that only one happens at a time is the manager's.
 */
import * as z from "zod";
import type { InstanceState } from "../../api/instance.ts";
import { SizeChange } from "../../api/lifecycle.ts";
import { Mount } from "../../api/mount.ts";
import { MoveMark } from "../../api/move.ts";
import { HostNic } from "../../api/network.ts";
import { NetworkMode } from "../../api/network-mode.ts";
import type { OperationKind } from "../../api/operation.ts";
import { PortForward } from "../../api/port.ts";
import { SnapshotOccasion } from "../../api/snapshot.ts";
import { EngineError } from "../../base/errors.ts";
import type { WorkCtx } from "../operations.ts";
import { MediumRecord } from "../store/record.ts";
import { release } from "./adopt.ts";
import { pause, unpause } from "./container-work.ts";
import { addDisk, PlannedDisk, purgeDisk, recoverDisk, removeDisk, resizeDisk } from "./disk-work.ts";
import { rotateKey } from "./encryption.ts";
import type { Entry } from "./entry.ts";
import { addNetwork, removeNetwork } from "./host-nics.ts";
import type { Keeper } from "./keeper.ts";
import { changeMedium } from "./media.ts";
import { addMounts, removeMounts } from "./mounts.ts";
import { addPort, removePort } from "./port-work.ts";
import { restart, start, stop } from "./power.ts";
import { changeNetwork } from "./reach.ts";
import { rename } from "./rename.ts";
import { changeSizes } from "./sizes.ts";
import { afterSnapshot, removeSnapshot, restoreSnapshot, updateSnapshot } from "./snapshots.ts";
import { suspend } from "./suspend.ts";
import { ACTIONS } from "./transitions.ts";
import { moveToTrash, purge, takeOutOfTrash } from "./trash.ts";

/** A snapshot to be taken. */
export const NewSnapshot = z.object({
  ...{ id: z.uuid(), name: z.string(), comment: z.string() },
  before: SnapshotOccasion.optional(),
});
export type NewSnapshot = z.infer<typeof NewSnapshot>;

/** What is journaled of an action. What an action needs beyond its name is optional here, and its own to check. */
export const ActionInput = z.object({
  id: z.uuid(),
  action: z.enum(ACTIONS).exclude(["launch", "clone", "backup", "restore-backup", "export", "import"]),
  /** When the run that a restart is to end had begun. */
  since: z.string().optional(),
  purge: z.boolean().optional(),
  cold: z.boolean().optional(),
  sizes: SizeChange.optional(),
  /** The old and the new name. */
  rename: z.object({ from: z.string(), to: z.string() }).optional(),
  take: NewSnapshot.optional(),
  port: PortForward.optional(),
  mounts: z.array(Mount).optional(),
  disk: PlannedDisk.optional(),
  medium: MediumRecord.optional(),
  /** A disk is taken away from a guest that uses it. */
  force: z.boolean().optional(),
  nic: HostNic.optional(),
  network: NetworkMode.optional(),
  /** Id of the snapshot that it is about. */
  snapshot: z.uuid().optional(),
  /** How far it is moved; absent from what ends that. */
  move: MoveMark.optional(),
  words: z.object({ name: z.string().optional(), comment: z.string().optional() }).optional(),
});
export type ActionInput = z.infer<typeof ActionInput>;

export type ActionRow = {
  kind: OperationKind;
  /** In messages; left out: the action's name. */
  verb?: string;
  /** What the instance shows while it is under way; left out: the state it was found in. */
  shows?: InstanceState;
  /** False where it ends so soon, or so finally, that nobody may call it off. */
  cancellable?: false;
  /** Runs when it has been journaled, before anything else can be asked for. */
  accepted?(keeper: Keeper, entry: Entry, input: ActionInput): void;
  /** Idempotent: an engine that died in its middle runs it again. */
  work(keeper: Keeper, entry: Entry, ctx: WorkCtx, input: ActionInput): Promise<void>;
};

export const ACTION_TABLE: Record<ActionInput["action"], ActionRow> = {
  start: {
    kind: "start",
    shows: "starting",
    work: (keeper, entry, ctx, { cold }) => start(keeper, entry, ctx, { cold }),
  },
  stop: {
    kind: "stop",
    shows: "stopping",
    work: (keeper, entry, ctx) => stop(keeper, entry, ctx, "graceful"),
  },
  "force-stop": {
    kind: "stop",
    shows: "stopping",
    work: (keeper, entry, ctx) => stop(keeper, entry, ctx, "force"),
  },
  restart: {
    kind: "restart",
    shows: "restarting",
    work: (keeper, entry, ctx, { since }) => restart(keeper, entry, ctx, since),
  },
  suspend: { kind: "suspend", shows: "suspending", work: suspend },
  pause: { kind: "pause", cancellable: false, work: pause },
  unpause: { kind: "unpause", cancellable: false, work: unpause },
  delete: {
    kind: "delete",
    work: (keeper, entry, ctx, input) => moveToTrash(keeper, entry, ctx, { purge: input.purge ?? false }),
  },
  recover: { kind: "recover", cancellable: false, work: takeOutOfTrash },
  purge: { kind: "purge", cancellable: false, work: purge },
  release: { kind: "release", cancellable: false, work: release },
  snapshot: {
    kind: "snapshot",
    work: (keeper, entry, ctx, { take }) =>
      afterSnapshot(keeper, entry, ctx, { take: required(take) }, async () => {}),
  },
  "add-port": {
    kind: "add-port",
    verb: "forward a port of",
    cancellable: false,
    work: (keeper, entry, ctx, { port }) => addPort(keeper, entry, ctx, required(port)),
  },
  "remove-port": {
    kind: "remove-port",
    verb: "remove a port of",
    cancellable: false,
    work: (keeper, entry, ctx, { port }) => removePort(keeper, entry, ctx, required(port)),
  },
  "add-network": {
    kind: "add-network",
    verb: "connect",
    cancellable: false,
    work: (keeper, entry, ctx, { nic }) => addNetwork(keeper, entry, ctx, required(nic)),
  },
  "remove-network": {
    kind: "remove-network",
    verb: "take a NIC from",
    cancellable: false,
    work: (keeper, entry, ctx, { nic }) => removeNetwork(keeper, entry, ctx, required(nic)),
  },
  "change-network": {
    kind: "change-network",
    verb: "change what is reached by",
    cancellable: false,
    work: (keeper, entry, ctx, { network }) => changeNetwork(keeper, entry, ctx, required(network)),
  },
  mount: {
    kind: "mount",
    verb: "mount in",
    work: (keeper, entry, ctx, { mounts }) => addMounts(keeper, entry, ctx, mounts ?? []),
  },
  unmount: {
    kind: "unmount",
    cancellable: false,
    work: (keeper, entry, ctx, { mounts }) => removeMounts(keeper, entry, ctx, mounts ?? []),
  },
  "add-disk": { kind: "add-disk", verb: "add a disk to", work: addDisk },
  "resize-disk": { kind: "resize-disk", verb: "resize a disk of", cancellable: false, work: resizeDisk },
  "remove-disk": { kind: "remove-disk", verb: "remove a disk of", work: removeDisk },
  "recover-disk": { kind: "recover-disk", verb: "recover a disk of", cancellable: false, work: recoverDisk },
  "purge-disk": { kind: "purge-disk", verb: "purge a disk of", cancellable: false, work: purgeDisk },
  "change-medium": { kind: "change-medium", verb: "change the ISO of", work: changeMedium },
  "rotate-key": { kind: "rotate-key", verb: "change the key of", cancellable: false, work: rotateKey },
  restore: { kind: "restore", work: restoreSnapshot },
  "remove-snapshot": { kind: "remove-snapshot", verb: "delete", cancellable: false, work: removeSnapshot },
  "update-snapshot": { kind: "update", verb: "update", cancellable: false, work: updateSnapshot },
  update: {
    kind: "update",
    cancellable: false,
    work: (keeper, entry, ctx, input) =>
      afterSnapshot(keeper, entry, ctx, input, () => changeSizes(keeper, entry, ctx, input.sizes)),
  },
  configure: {
    kind: "update",
    verb: "update",
    cancellable: false,
    work: (keeper, entry, ctx, { sizes }) => changeSizes(keeper, entry, ctx, sizes),
  },
  "mark-move": {
    kind: "move",
    verb: "move",
    cancellable: false,
    work: async (keeper, entry, ctx, { move }) => {
      ctx.commit();
      await keeper.describe(entry, { move });
    },
  },
  rename: {
    kind: "rename",
    cancellable: false,
    accepted: (keeper, entry, input) => input.rename && keeper.hold(input.rename.to, entry),
    work: async (keeper, entry, ctx, input) => {
      const { from, to } = required(input.rename);
      await rename(keeper, entry, ctx, to, from);
    },
  },
};

/** A journal entry of a later Berth, or a damaged one, may lack what an action needs. */
function required<T>(value: T | undefined): T {
  if (value !== undefined) return value;
  throw new EngineError("internal", "cannot go on: the journal entry is incomplete");
}
