/**
 * What clients may do with instances. Every action is decided by `transitions.ts` when it is asked for, journaled as
 * an operation, and done in the instance's own lane.
 *
 *                 launch            guest runs and is ready
 *   (nothing) ──► creating ──► starting ──► running ◄──► restarting
 *        ▲            │            ▲  │        │  │
 *        │ undone     │ undone     │  │ force  │  │ stop, shut down, crash
 *        └────────────┘            │  ▼        ▼  ▼
 *                                  ├─ stopped ◄─ stopping
 *                                  └─ suspended ◄─ suspending
 *                                      │  ▲
 *                               delete │  │ recover         failed  = cannot be read; shown, can be purged
 *                                      ▼  │                 unknown = may run, but did not answer
 *        (nothing) ◄── purge ───── deleted
 */
import type { Duplex, Readable } from "node:stream";
import type { Project } from "../../api/access.ts";
import type { Instance, InstanceDetails, LaunchSpec, Problem, Screenshot } from "../../api/instance.ts";
import type { SizeChange } from "../../api/lifecycle.ts";
import type { MoveMark } from "../../api/move.ts";
import type { Operation } from "../../api/operation.ts";
import { EngineError } from "../../base/errors.ts";
import type { LogRequest } from "../drivers/driver.ts";
import type { AttachRequest } from "../drivers/running.ts";
import type { InstancesApi } from "../engine-core.ts";
import type { GuestAccess, GuestProcess } from "../guest/guest.ts";
import type { Operations, Work } from "../operations.ts";
import { ACTION_TABLE, type ActionInput, type ActionRow } from "./actions.ts";
import { checkRelease, refuseOfAdopted } from "./adopt.ts";
import { toProblem } from "./check.ts";
import { type CloneInput, cloneEntryOf, cloneInstance, planClone } from "./clone.ts";
import { refuseWhileHolding } from "./container-host.ts";
import { attachTo, openExport } from "./container-streams.ts";
import { checkPause } from "./container-work.ts";
import { type DelayedStopInput, DelayedStops } from "./delayed-stop.ts";
import { details, guestOf, type LogSource, openDisplay, openLogs, readLog } from "./details.ts";
import { checkRotate } from "./encryption.ts";
import { type Entry, nameOf } from "./entry.ts";
import { permitAction, permitSpec } from "./final-config.ts";
import type { Keeper } from "./keeper.ts";
import { Lanes, type Resumable } from "./lanes.ts";
import { entryOf, type LaunchInput, launch } from "./launch.ts";
import { checkMark } from "./move-mark.ts";
import { backupEnded, forced, mayRun, reachable, verbOf } from "./permits.ts";
import { findings, type PlanParts, parseSpec } from "./plan.ts";
import { planned } from "./planned.ts";
import { checkRename } from "./rename.ts";
import { takeScreenshot } from "./screenshot.ts";
import { checkChange, isPolicyOnly, snapshotBefore } from "./sizes.ts";
import { checkSuspend } from "./suspend.ts";
import { type Action, BESIDE_BACKUP } from "./transitions.ts";

const LAUNCH: Pick<ActionRow, "kind" | "cancellable"> = { kind: "launch" };

export class InstanceManager implements InstancesApi {
  readonly lanes: Lanes;
  readonly #keeper: Keeper;
  readonly #operations: Operations;
  readonly #plan: PlanParts;
  readonly #delayed: DelayedStops;

  constructor(keeper: Keeper, operations: Operations, plan: PlanParts) {
    this.#keeper = keeper;
    this.lanes = new Lanes(keeper);
    this.#operations = operations;
    this.#plan = plan;
    this.#delayed = new DelayedStops({
      keeper,
      operations,
      hold: (entry, operation, work) => {
        this.lanes.take(entry, "stop", operation);
        return this.lanes.afterBackup(entry, this.lanes.inLane(entry, work));
      },
    });
  }

  list(): Instance[] {
    const instances = this.#keeper.entries().map((entry) => this.#keeper.show(entry));
    return instances.sort((a, b) => a.name.localeCompare(b.name));
  }

  get(name: string): Instance {
    return this.#keeper.show(this.#keeper.find(name, "find"));
  }

  projectOf(name: string): string | undefined {
    return this.#keeper.projectOf(name);
  }

  projects(): Project[] {
    return this.#keeper.quotas.list();
  }

  async details(name: string, signal: AbortSignal): Promise<InstanceDetails> {
    return details(this.#keeper, this.#keeper.find(name, "inspect"), signal);
  }

  async log(name: string, source: LogSource, signal: AbortSignal): Promise<{ text: string; file?: string }> {
    return readLog(this.#keeper, this.#keeper.find(name, "read the log of"), source, signal);
  }

  logs(name: string, request: LogRequest, signal: AbortSignal): Promise<Readable> {
    return openLogs(this.#keeper, this.#keeper.find(name, "read the logs of"), request, signal);
  }

  async attach(name: string, request: AttachRequest, signal: AbortSignal): Promise<GuestProcess> {
    return attachTo(reachable(this.#keeper, name, "attach to"), request, signal);
  }

  async export(name: string, signal: AbortSignal): Promise<Readable> {
    return openExport(this.#keeper, this.#keeper.find(name, "export"), signal);
  }

  guest(name: string): GuestAccess {
    return guestOf(reachable(this.#keeper, name, "reach"));
  }

  async openDisplay(name: string, signal: AbortSignal): Promise<Duplex> {
    return openDisplay(reachable(this.#keeper, name, "open the display of"), signal);
  }

  async screenshot(name: string, signal: AbortSignal): Promise<Screenshot> {
    return takeScreenshot(name, await this.openDisplay(name, signal), signal);
  }

  async check(spec: LaunchSpec): Promise<Problem[]> {
    const wanted = parseSpec(spec);
    permitSpec(wanted, `launch ${wanted.name ?? "an instance"}`);
    return (await findings(this.#plan, this.#keeper, wanted)).map(toProblem);
  }

  async launch(spec: LaunchSpec): Promise<Operation> {
    return this.planned(spec, "launch", (input) => this.#begin(entryOf(input), input));
  }

  /** Plans what the spec asks for, and gives it to `begin` at once: until that has taken its name, that is nobody's. */
  planned(spec: LaunchSpec, verb: string, begin: (input: LaunchInput) => Operation): Promise<Operation> {
    const parts = { keeper: this.#keeper, operations: this.#operations, plan: this.#plan };
    return planned(parts, spec, verb, begin);
  }

  async start(name: string, { cold }: { cold?: boolean } = {}): Promise<Operation> {
    return this.act(name, "start", cold ? { cold } : {});
  }

  async suspend(name: string): Promise<Operation> {
    checkSuspend(this.#keeper.find(name, "suspend"));
    return this.act(name, "suspend");
  }

  async pause(name: string): Promise<Operation> {
    checkPause(this.#keeper.find(name, "pause"));
    return this.act(name, "pause");
  }

  async unpause(name: string): Promise<Operation> {
    return this.act(name, "unpause");
  }

  async stop(name: string, how: { force: boolean; delayMs?: number | undefined }): Promise<Operation> {
    const { force, delayMs = 0 } = how;
    if (delayMs === 0) return this.act(name, force ? "force-stop" : "stop");
    if (force) {
      throw new EngineError("invalid-argument", `cannot stop ${name}: a forced stop cannot be delayed`);
    }
    const entry = this.#keeper.find(name, "stop");
    const decision = mayRun(this.#keeper, entry, "stop", name);
    if (decision.do === "run") return this.#delayed.begin(entry, delayMs);
    return this.#operations.already({ kind: "stop", target: name });
  }

  async cancelStop(name: string): Promise<Operation> {
    await this.#delayed.cancel(this.#keeper.find(name, "cancel the stop of"));
    return this.#operations.already({ kind: "cancel-stop", target: name });
  }

  resumeDelayedStop(entry: Entry, input: DelayedStopInput): Resumable {
    return this.#delayed.resume(entry, input);
  }

  async restart(name: string): Promise<Operation> {
    return this.act(name, "restart");
  }

  async delete(name: string, options: { purge: boolean }): Promise<Operation> {
    const entry = this.#keeper.find(name, "delete");
    refuseWhileHolding(this.#keeper, entry);
    const { state } = entry.record;
    if (options.purge && (state === "deleted" || state === "failed")) return this.act(name, "purge");
    return this.act(name, "delete", options);
  }

  async recover(name: string): Promise<Operation> {
    return this.act(name, "recover");
  }

  async purge(name: string): Promise<Operation> {
    refuseWhileHolding(this.#keeper, this.#keeper.find(name, "purge"));
    return this.act(name, "purge");
  }

  async update(name: string, change: SizeChange, { snapshot = true } = {}): Promise<Operation> {
    const host = await this.#plan.hostFacts();
    const entry = this.#keeper.find(name, "update");
    checkChange(entry, change, host);
    if (isPolicyOnly(change)) return this.act(name, "configure", { sizes: change });
    const take = snapshot ? snapshotBefore(this.#keeper, entry, change) : undefined;
    return this.act(name, "update", { sizes: change, take });
  }

  async rename(name: string, to: string): Promise<Operation> {
    checkRename(this.#keeper, this.#keeper.find(name, "rename"), to);
    return this.act(name, "rename", { rename: { from: name, to } });
  }

  async clone(name: string, as: string | undefined, how: { encrypted?: boolean } = {}): Promise<Operation> {
    const source = this.#keeper.find(name, "clone");
    mayRun(this.#keeper, source, "clone", name);
    const input = planClone(this.#keeper, source, as, how);
    const { work, onAccepted } = this.resumeClone(cloneEntryOf(input), source, input);
    return this.#operations.begin({ kind: "clone", target: input.clone.name, input }, work, onAccepted);
  }

  async rotateKey(name: string): Promise<Operation> {
    checkRotate(this.#keeper.find(name, "change the key of"));
    return this.act(name, "rotate-key");
  }

  async markMove(name: string, move: MoveMark | undefined): Promise<Operation> {
    checkMark(this.#keeper.find(name, "move").record.descriptor, move);
    return this.act(name, "mark-move", { move });
  }

  async release(name: string): Promise<Operation> {
    checkRelease(this.#keeper.find(name, "release"));
    return this.act(name, "release");
  }

  /** Goes on, under the same operation, with what an earlier engine began. */
  resume(entry: Entry, input: LaunchInput | ActionInput): Resumable {
    const action = "action" in input ? input.action : "launch";
    const work = this.lanes.inLane(entry, this.#workOf(entry, input));
    return {
      work: BESIDE_BACKUP.includes(action) ? work : this.lanes.afterBackup(entry, work),
      onAccepted: (operation) => {
        if ("action" in input) ACTION_TABLE[input.action].accepted?.(this.#keeper, entry, input);
        this.lanes.take(entry, action, operation);
      },
    };
  }

  /** Neither the source nor the clone can be used for anything else before its end. */
  resumeClone(entry: Entry, source: Entry, _input: CloneInput): Resumable {
    const work: Work = (ctx) => cloneInstance(this.#keeper, entry, source, ctx);
    return {
      work: this.lanes.inLane(source, this.lanes.inLane(entry, work)),
      onAccepted: (operation) => {
        this.lanes.take(entry, "clone", operation);
        source.pending = { id: operation.id, action: "clone", kind: operation.kind };
        this.#keeper.publish(source);
      },
    };
  }

  /** Begins an action if it may happen now; `target` is what the operation works on, where that is not the instance. */
  act(
    name: string,
    action: ActionInput["action"],
    more: Omit<ActionInput, "id" | "action" | "since"> = {},
    target = name,
  ): Operation {
    const entry = this.#keeper.find(name, verbOf(action));
    const { pending, running, record } = entry;
    refuseOfAdopted(entry, action, `${verbOf(action)} ${target}`);
    const decision = mayRun(this.#keeper, entry, action, target);
    if (decision.do === "ignore") {
      this.#delayed.supersede(entry, action);
      if (pending) return this.#operations.get(pending.id);
      return this.#operations.already({ kind: ACTION_TABLE[action].kind, target });
    }
    const since = running?.startedAt.toISOString();
    const input = { ...more, id: record.descriptor.id, action, since };
    const after = permitAction(this.#keeper, entry, input, `${verbOf(action)} ${target}`);
    const operation = this.#begin(entry, input, target);
    this.#keeper.quotas.expect(input.id, operation, after);
    this.#delayed.supersede(entry, action);
    if (decision.interrupt) this.#interrupt(entry, pending, action);
    return operation;
  }

  /** What it ends of what is under way: what was pending, and a backup. */
  #interrupt(entry: Entry, pending: Entry["pending"], action: Action): void {
    if (pending) this.#operations.interrupt(pending.id, forced(pending.kind, nameOf(entry)));
    if (entry.backup) this.#operations.interrupt(entry.backup.id, backupEnded(entry, action));
  }

  #begin(entry: Entry, input: LaunchInput | ActionInput, target = nameOf(entry)): Operation {
    const row = "action" in input ? ACTION_TABLE[input.action] : LAUNCH;
    const wanted = { kind: row.kind, target, input, cancellable: row.cancellable ?? true };
    const { work, onAccepted } = this.resume(entry, input);
    return this.#operations.begin(wanted, work, onAccepted);
  }

  #workOf(entry: Entry, input: LaunchInput | ActionInput): Work {
    const keeper = this.#keeper;
    if (!("action" in input)) return (ctx) => launch(keeper, entry, ctx, input);
    return (ctx) => ACTION_TABLE[input.action].work(keeper, entry, ctx, input);
  }
}
