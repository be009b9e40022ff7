/** One instance in the engine's memory. Only the manager writes to it. */

import { DEFAULT_PROJECT } from "../../api/access.ts";
import type { Problem } from "../../api/instance.ts";
import { type NetworkMode, segmentOf } from "../../api/network-mode.ts";
import type { OperationKind } from "../../api/operation.ts";
import type { Secret } from "../../base/secret.ts";
import type { Ctx } from "../ctx.ts";
import type { Running } from "../drivers/running.ts";
import type { InstanceRecord } from "../store/record.ts";
import type { Action } from "./transitions.ts";

export type PendingOperation = { id: string; action: Action; kind: OperationKind };

/** A backup that reads its disks, beside what else is done to it. */
export type RunningBackup = {
  /** Of the operation. */
  id: string;
  /** Resolves when it has let go of the disks. Never rejects. */
  ended: Promise<void>;
};

/** How much of its disks has come in from a backup. */
export type Arrival = {
  /** Bytes. */
  done: number;
  total: number;
  /** Why nothing comes now. */
  trouble?: Problem | undefined;
};

/** A mount that is there, or comes back when the guest does. */
export type ServedMount = {
  /** Takes it away in the guest; resolves when nothing of it is left. */
  end(ctx: Ctx): Promise<void>;
};

/** A forward through the guest's SSH server, which this engine serves now. */
export type ServedForward = {
  /** Resolves when nothing listens for it any more. */
  close(): Promise<void>;
};

export type Entry = {
  record: InstanceRecord;
  /** SSH answers and cloud-init has ended well. */
  ready: boolean;
  running: Running | undefined;
  /** Its driver keeps its memory, to go on with. */
  suspended: boolean;
  pending: PendingOperation | undefined;
  backup: RunningBackup | undefined;
  /** Present while its guest runs on disks that are not whole. */
  arrival: Arrival | undefined;
  /** A stop that waits for its time. */
  delayedStop: { operation: string; at: string } | undefined;
  /** Its descriptor cannot be read: shown, deletable, never written to. */
  broken: boolean;
  /** The launch's user-data, until it lies in the instance's directory. */
  userData: Secret | undefined;
  /** Ends background work on the guest: with its exit, or with the engine. */
  background: AbortController | undefined;
  /** What the engine serves to its guest now, by target. */
  served: Map<string, ServedMount>;
  /** Forwards through its guest's SSH server, by port of this host and protocol. */
  forwards: Map<string, ServedForward>;
  /** Found at the engine's start and true until the instance is written anew. */
  damage: Problem | undefined;
};

export function newEntry(record: InstanceRecord): Entry {
  return {
    record,
    ready: false,
    running: undefined,
    suspended: false,
    pending: undefined,
    backup: undefined,
    arrival: undefined,
    delayedStop: undefined,
    broken: false,
    userData: undefined,
    background: undefined,
    served: new Map(),
    forwards: new Map(),
    damage: undefined,
  };
}

export function nameOf(entry: Entry): string {
  return entry.record.descriptor.name;
}

/**
 * Whether other guests know it by its name: not from the trash, not while nothing is known of it but a directory, and
 * not where it is used by its screen or is a container, for then it has no NIC in their network.
 */
export function isNamed({ record, broken }: Entry): boolean {
  const { guest, kind } = record.descriptor;
  return record.state !== "deleted" && !broken && guest === "linux" && kind === "vm";
}

/** What its guest reaches now, or will when it is started. */
export function reachOf({ record, running }: Entry): NetworkMode {
  return running?.network ?? record.descriptor.network;
}

/** The network between instances that it is in, which is of its project alone. Undefined: none. */
export function segmentIn(entry: Entry): string | undefined {
  const segment = segmentOf(reachOf(entry));
  return segment === undefined
    ? undefined
    : `${entry.record.descriptor.project ?? DEFAULT_PROJECT}/${segment}`;
}

/** Whether the one reaches the other, through a network that both are in. */
export function areTogether(one: Entry, other: Entry): boolean {
  const segment = segmentIn(one);
  return one === other || (segment !== undefined && segment === segmentIn(other));
}

/** Whether another operation (a forced stop) has taken the instance over from the one of `operationId`. */
export function takenOver(entry: Entry, operationId: string): boolean {
  return entry.pending !== undefined && entry.pending.id !== operationId;
}

/** The problems but those of these codes. */
export function without(problems: readonly Problem[], ...codes: readonly string[]): Problem[] {
  return problems.filter((problem) => !codes.includes(problem.code));
}

/** Of a guest whose hypervisor ended by itself. */
export function crashed(detail: string): Problem {
  return {
    code: "ended-unexpectedly",
    severity: "error",
    message: `it ended unexpectedly: ${detail}`,
    hint: "Start it again. What its guest had not written to its disk is lost.",
  };
}
