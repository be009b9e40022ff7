/**
 * Directories of this host inside a guest: by sshfs over a process's pipes, whose other end is our SFTP server, or as
 * a file system that the hypervisor offers. Legal while the guest takes commands.
 */
import { withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { GuestAccess, GuestProcess } from "./guest.ts";
import {
  COME_SCRIPT,
  GO_SCRIPT,
  NATIVE_SCRIPT,
  PREPARE_SCRIPT,
  parsePrepared,
  reasonOf,
} from "./mount-scripts.ts";
import type { IdPair } from "./sftp/attributes.ts";
import { serveSftp } from "./sftp/server.ts";
import { SharedDirectory } from "./sftp/shared-directory.ts";

export type MountRequest = {
  source: string;
  /** Absolute, or beneath the home of the guest's user. */
  target: string;
  /** -1 as a guest's id stands for the user whom the guest is entered as. */
  uids: readonly IdPair[];
  gids: readonly IdPair[];
};

/** What the hypervisor offers under a tag, and as which file system. */
export type NativeOffer = { tag: string; filesystem: "9p" | "virtiofs" };

/** How a served mount has ended: someone in the guest unmounted it, or the guest or its connection has gone. */
export type MountEnd = "unmounted" | "lost";

export type GuestMount = {
  /** Of this boot of the guest. */
  readonly bootId: string;
  /** Resolves once, never rejects. */
  readonly ended: Promise<MountEnd>;
};

/** Installing what a guest lacks may mean to fetch its package lists first. */
const PREPARE_MS = 300_000;
const COME_MS = 30_000;
const GO_MS = 20_000;
const MAX_WORDS_BYTES = 16_384;

/**
 * Rejects with the reason when the mount did not come to be; it then has left nothing behind. Serves until it is
 * unmounted, the guest has gone, or the signal `serving` ends it.
 */
export async function mountClassic(
  ctx: Ctx,
  guest: GuestAccess,
  wanted: MountRequest,
  serving: AbortSignal,
): Promise<GuestMount> {
  const directory = await SharedDirectory.open(wanted.source).catch((error: NodeJS.ErrnoException) => {
    throw refused(wanted, `${wanted.source} cannot be opened (${error.code ?? error.message})`);
  });
  try {
    const prepared = parsePrepared(
      await script(ctx, guest, PREPARE_SCRIPT, [wanted.target, "sshfs"], wanted, PREPARE_MS),
    );
    const { target, user, group, option, bootId, sudo } = prepared;
    const options = `${option},allow_other,default_permissions,fsname=berth,auto_cache,dcache_timeout=1`;
    const argv = [...sudo, "sshfs", "-f", "-o", options, ":/", target];
    const child = await guest.exec({ signal: ctx.signal }, { argv });
    const words = collect(child);
    const ids = { uids: own(wanted.uids, user), gids: own(wanted.gids, group) };
    const served = serveSftp(child, directory, { ...ids, signal: serving });
    const ended = endOf(child, served, directory);
    const gone = ended.then(async () => {
      throw refused(wanted, (await words).trim() || "sshfs ended without a word");
    });
    gone.catch(() => {});
    await Promise.race([script(ctx, guest, COME_SCRIPT, [target], wanted, COME_MS), gone]).catch((error) => {
      child.close();
      throw error;
    });
    return { bootId, ended };
  } catch (error) {
    await directory.close();
    throw error;
  }
}

/** Mounts it and writes it into the guest's file system table, so that it is there after a reboot as well. */
export async function mountNative(
  ctx: Ctx,
  guest: GuestAccess,
  wanted: MountRequest,
  { tag, filesystem }: NativeOffer,
): Promise<void> {
  const { target } = parsePrepared(
    await script(ctx, guest, PREPARE_SCRIPT, [wanted.target, filesystem], wanted, PREPARE_MS),
  );
  await script(ctx, guest, NATIVE_SCRIPT, [target, filesystem, tag], wanted, COME_MS);
}

/** Takes it away, and the directory that was made for it; no effect where it is not mounted. */
export async function unmount(ctx: Ctx, guest: GuestAccess, target: string): Promise<void> {
  await script(ctx, guest, GO_SCRIPT, [target], { source: "", target, uids: [], gids: [] }, GO_MS);
}

function own(pairs: readonly IdPair[], ours: number): IdPair[] {
  return pairs.map(({ host, guest }) => ({ host, guest: guest < 0 ? ours : guest }));
}

async function endOf(
  child: GuestProcess,
  served: Promise<void>,
  directory: SharedDirectory,
): Promise<MountEnd> {
  const exit = child.exited.catch(() => undefined);
  await Promise.race([served.catch(() => {}), exit]);
  child.close();
  await served.catch(() => {});
  await directory.close();
  return (await exit)?.code === 0 ? "unmounted" : "lost";
}

async function collect({ stderr }: GuestProcess): Promise<string> {
  let text = "";
  try {
    for await (const chunk of stderr) if (text.length < MAX_WORDS_BYTES) text += String(chunk);
  } catch {
    // What was said until then.
  }
  return text;
}

/** Runs one of our scripts with arguments in the guest; resolves with what it printed. */
async function script(
  ctx: Ctx,
  guest: GuestAccess,
  text: string,
  args: readonly string[],
  wanted: MountRequest,
  ms: number,
): Promise<string> {
  const { signal, done } = withDeadline(ms, ctx.signal);
  try {
    const child = await guest.exec({ signal }, { argv: ["sh", "-c", text, "berth", ...args] });
    const onAbort = () => child.close();
    signal.addEventListener("abort", onAbort, { once: true });
    child.stdin.end();
    const words = collect(child);
    let output = "";
    for await (const chunk of child.stdout) {
      if (output.length > MAX_WORDS_BYTES) continue;
      output += String(chunk);
      if (output.includes("installing\n"))
        ctx.progress({ phase: "mount", message: "installing sshfs in the guest" });
    }
    const { code } = await child.exited.finally(() => signal.removeEventListener("abort", onAbort));
    signal.throwIfAborted();
    if (code === 0) return output;
    throw refused(wanted, ...reasonOf(code, (await words).trim()));
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (signal.aborted) throw refused(wanted, `the guest did not answer in ${ms / 1000} s`);
    throw error;
  } finally {
    done();
  }
}

function refused({ source, target }: MountRequest, reason: string, hint?: string): EngineError {
  const what = source === "" ? `unmount ${target}` : `mount ${source} at ${target}`;
  return new EngineError("driver-failed", `cannot ${what}: ${reason}`, { hint });
}
