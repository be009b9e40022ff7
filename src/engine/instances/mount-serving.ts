/** Keeps an instance's mounts there for as long as its guest runs, through reboots of the guest. */
import type { Problem } from "../../api/instance.ts";
import type { Mount } from "../../api/mount.ts";
import { sleep, withDeadline } from "../../base/async.ts";
import { EngineError, messageOf, toEngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { Running } from "../drivers/running.ts";
import { type GuestMount, mountClassic, mountNative, unmount } from "../guest/mounting.ts";
import { type Entry, nameOf, without } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

const MOUNT_UNAVAILABLE = "mount-unavailable";

/** How long a guest that went away may take to be there again, and the pause between two tries. */
const RETURN_MS = 600_000;
const AGAIN_MS = 1_000;
/** One try, where nobody waits for it. */
const MOUNT_MS = 330_000;

/** After a start: all that are kept. What cannot be mounted is a problem of the instance, not the end of its start. */
export async function openMounts(keeper: Keeper, entry: Entry, ctx: Ctx): Promise<string[]> {
  const failures: string[] = [];
  // Its runtime has made those of a container.
  if (entry.record.descriptor.container) return [];
  if (!keeper.settings["local.privileged-mounts"] && entry.record.descriptor.mounts.length > 0)
    return [`the mounts of ${nameOf(entry)} are left out: local.privileged-mounts is false`];
  for (const mount of entry.record.descriptor.mounts) {
    try {
      await openMount(keeper, entry, ctx, mount);
    } catch (error) {
      ctx.signal.throwIfAborted();
      if (!entry.running) break;
      failures.push(toEngineError(error).message);
      showFailure(keeper, entry, mount, error);
    }
  }
  return failures;
}

/** Where nobody waits, as after the engine's start. */
export async function openMountsInBackground(keeper: Keeper, entry: Entry): Promise<void> {
  const { background } = entry;
  if (!background || entry.record.descriptor.mounts.length === 0) return;
  const deadline = withDeadline(MOUNT_MS, background.signal);
  try {
    await openMounts(keeper, entry, { signal: deadline.signal, progress: () => {}, log: keeper.log });
  } catch (error) {
    keeper.log.debug("mounts were given up", { instance: nameOf(entry), error });
  } finally {
    deadline.done();
  }
}

/** Mounts it in the guest that runs; no effect where none runs, or where it is mounted. */
export async function openMount(keeper: Keeper, entry: Entry, ctx: Ctx, mount: Mount): Promise<void> {
  const { running, background } = entry;
  if (!running || !background || entry.served.has(mount.target)) return;
  ctx.progress({ phase: "mount", message: mount.target });
  if (mount.type === "native") return openNative(entry, running, ctx, mount);
  const ending = new AbortController();
  const serving = AbortSignal.any([background.signal, ending.signal]);
  const first = await mountClassic(ctx, running.guest, mount, serving);
  const kept = keepMounted(keeper, entry, running, mount, first, serving).finally(() => {
    entry.served.delete(mount.target);
    keeper.serving.end();
  });
  entry.served.set(mount.target, {
    end: async (reason: Ctx) => {
      await unmount(reason, running.guest, mount.target).finally(() => ending.abort());
      await kept;
    },
  });
  keeper.serving.begin();
  keeper.update(entry, { problems: withoutFailure(entry.record.problems, mount) });
}

/** Takes it away in the guest that runs. */
export async function closeMount(entry: Entry, ctx: Ctx, mount: Mount): Promise<void> {
  const { running } = entry;
  if (!running) return;
  const served = entry.served.get(mount.target);
  if (served) await served.end(ctx);
  else await unmount(ctx, running.guest, mount.target);
}

export function withoutFailure(problems: readonly Problem[], mount: Mount): Problem[] {
  return without(problems, codeOf(mount));
}

async function openNative(entry: Entry, running: Running, ctx: Ctx, mount: Mount): Promise<void> {
  const offer = running.nativeMounts?.get(mount.target);
  if (offer) return mountNative(ctx, running.guest, mount, offer);
  const reason = `cannot mount ${mount.source} in ${nameOf(entry)}: it was started before this mount was asked for`;
  throw new EngineError("wrong-state", reason, { hint: "Restart it, or use a classic mount." });
}

/** Resolves when it is over for this run; never rejects. */
async function keepMounted(
  keeper: Keeper,
  entry: Entry,
  running: Running,
  mount: Mount,
  first: GuestMount,
  serving: AbortSignal,
): Promise<void> {
  let served = first;
  try {
    for (;;) {
      const how = await served.ended;
      if (serving.aborted) return;
      keeper.log.info("a mount has ended", { instance: nameOf(entry), target: mount.target, how });
      const again = await mountAgain(keeper, running, mount, served, how === "unmounted", serving);
      if (!again) return;
      served = again;
      keeper.update(entry, { problems: withoutFailure(entry.record.problems, mount) });
    }
  } catch (error) {
    if (!serving.aborted && entry.running === running) showFailure(keeper, entry, mount, error);
  }
}

/** undefined where the guest itself has unmounted it: a guest that still is in the boot in which it was mounted. */
async function mountAgain(
  keeper: Keeper,
  running: Running,
  mount: Mount,
  before: GuestMount,
  unmounted: boolean,
  serving: AbortSignal,
): Promise<GuestMount | undefined> {
  const deadline = withDeadline(RETURN_MS, serving);
  const ctx: Ctx = { signal: deadline.signal, progress: () => {}, log: keeper.log };
  try {
    for (;;) {
      await sleep(AGAIN_MS, ctx.signal);
      try {
        await running.guest.waitReady(ctx);
        if (unmounted && (await running.guest.details(ctx)).bootId === before.bootId) {
          if (!(await isLeaving(running, ctx))) return undefined;
          continue;
        }
        return await mountClassic(ctx, running.guest, mount, serving);
      } catch (error) {
        ctx.signal.throwIfAborted();
        if (!mayPass(error)) throw error;
      }
    }
  } finally {
    deadline.done();
  }
}

/** A guest that is on its way down still answers for a moment. */
async function isLeaving(running: Running, ctx: Ctx): Promise<boolean> {
  const child = await running.guest.exec(ctx, { argv: ["systemctl", "is-system-running"] });
  child.stdin.end();
  child.stderr.resume();
  let state = "";
  for await (const chunk of child.stdout) state += String(chunk);
  await child.exited;
  return state.trim() === "stopping";
}

function mayPass(error: unknown): boolean {
  return toEngineError(error).code === "guest-unreachable" || /shutting down/.test(messageOf(error));
}

function showFailure(keeper: Keeper, entry: Entry, mount: Mount, error: unknown): void {
  const { message, hint = "Mount it again when that is settled." } = toEngineError(error);
  const problem: Problem = { code: codeOf(mount), severity: "warning", message, hint };
  keeper.update(entry, { problems: [...withoutFailure(entry.record.problems, mount), problem] });
}

/** Problems are told apart by their codes, and each mount may have one of its own. */
function codeOf(mount: Mount): string {
  return `${MOUNT_UNAVAILABLE}:${mount.target}`;
}
