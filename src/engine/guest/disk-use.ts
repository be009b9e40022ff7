/** Whether a Linux guest uses a disk: pulling it away from under a file system loses what is written there. */
import { withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import type { GuestAccess } from "./guest.ts";

const ASK_MS = 10_000;
const LONGEST_ANSWER = 10_000;

/** A line for each device that stands on the disk: its type, and where it is mounted. Nothing where there is no such disk. */
const SCRIPT =
  'link="/dev/disk/by-id/virtio-$1"; [ -e "$link" ] || exit 0; exec lsblk -nro TYPE,MOUNTPOINT "$link"';

/** Where the disk is in use, in words; undefined where it is not. Rejects with `guest-unreachable` where nobody answers. */
export async function diskUse(
  guest: GuestAccess,
  disk: string,
  parent: AbortSignal,
): Promise<string | undefined> {
  const { signal, done } = withDeadline(ASK_MS, parent);
  try {
    const child = await guest.exec({ signal }, { argv: ["sh", "-c", SCRIPT, "sh", disk] });
    const onAbort = () => child.close();
    signal.addEventListener("abort", onAbort, { once: true });
    child.stdin.end();
    child.stderr.resume();
    let text = "";
    for await (const chunk of child.stdout) text = (text + String(chunk)).slice(0, LONGEST_ANSWER);
    const { code } = await child.exited.finally(() => signal.removeEventListener("abort", onAbort));
    signal.throwIfAborted();
    if (code !== 0) throw silent(disk, `its lsblk ended with ${code}`);
    return useIn(text);
  } catch (error) {
    parent.throwIfAborted();
    throw signal.aborted ? silent(disk, "it does not answer") : error;
  } finally {
    done();
  }
}

/** From what lsblk prints. Pure. */
export function useIn(text: string): string | undefined {
  const rows = text.split("\n").map((line) => line.trim().split(/\s+/));
  const [mounted] = rows.flatMap(([, mountpoint]) => mountpoint ?? []);
  if (mounted === "[SWAP]") return "swap is on it";
  if (mounted) return `it is mounted at ${mounted}`;
  const [part] = rows.flatMap(([type]) => (type && type !== "disk" && type !== "part" ? [type] : []));
  return part && `it is part of a ${part} device`;
}

function silent(disk: string, reason: string): EngineError {
  return new EngineError("guest-unreachable", `cannot ask the guest whether it uses ${disk}: ${reason}`);
}
