/** A guest's filesystems halted for a moment, so that its disks can be taken as they are after a clean unmount. */
import { abortable, withDeadline } from "../../base/async.ts";
import { messageOf } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { GuestAccess, GuestProcess } from "./guest.ts";

/** A guest that boots, or is out of memory, does not answer sooner. */
const FREEZE_MS = 8_000;
const THAW_MS = 10_000;

/** How long the guest itself leaves them frozen when it hears no more of us, and when even that goes wrong. */
const FROZEN_SECONDS = 15;
const GUARD_SECONDS = 30;

/**
 * Freezes what is written to on disks, the root last, until its standard input ends. Exits with 0 only where nothing was
 * thawed before that. Whatever happens to it, it thaws.
 */
export const freezeScript = (mounts = "/proc/self/mounts"): string => `
set --
seen=' '
while read -r device dir type options rest; do
  case $device:$type in /dev/*:ext[234]|/dev/*:xfs|/dev/*:btrfs|/dev/*:f2fs) ;; *) continue ;; esac
  case ,$options, in *,rw,*) ;; *) continue ;; esac
  case $seen in *" $device "*) continue ;; esac
  seen="$seen$device "
  set -- "$(printf '%b' "$dir")" "$@"
done <${mounts}
[ $# -gt 0 ] || exit 3
command -v fsfreeze >/dev/null && timeout 1 true || exit 4
(
  exec </dev/null >/dev/null 2>&1
  trap 'kill $!; exit' TERM
  sleep ${GUARD_SECONDS} &
  wait $!
  for dir in "$@"; do fsfreeze -u "$dir"; done
) &
guard=$!
trap 'for dir in "$@"; do fsfreeze -u "$dir" 2>/dev/null; done; kill $guard 2>/dev/null' EXIT
trap 'exit 1' HUP INT TERM PIPE
for dir in "$@"; do fsfreeze -f "$dir" || exit 5; done
echo frozen
timeout ${FROZEN_SECONDS} cat >/dev/null
exit $?
`;

const AS_ROOT = `if [ "$(id -u)" = 0 ]; then exec sh -c "$1"; else exec sudo -n sh -c "$1"; fi`;

/**
 * Does the work while the guest's filesystems are frozen. It is done in any case; `frozen` tells whether they were from its
 * beginning to its end.
 */
export async function whileFrozen<T>(
  guest: Pick<GuestAccess, "exec">,
  ctx: Ctx,
  work: () => Promise<T>,
): Promise<{ value: T; frozen: boolean }> {
  const frozen = await freeze(guest, ctx);
  if (!frozen) return { value: await work(), frozen: false };
  try {
    const value = await work();
    return { value, frozen: await thaw(frozen, ctx) };
  } finally {
    // Its standard input has ended then at the latest.
    frozen.close();
  }
}

/** The process that holds them; undefined, and nothing is frozen for long, where the guest cannot or does not answer. */
async function freeze(guest: Pick<GuestAccess, "exec">, ctx: Ctx): Promise<GuestProcess | undefined> {
  const { signal, done } = withDeadline(FREEZE_MS, ctx.signal);
  let child: GuestProcess | undefined;
  try {
    child = await abortable(
      guest.exec({ signal }, { argv: ["sh", "-c", AS_ROOT, "sh", freezeScript()] }),
      signal,
    );
    child.exited.catch(() => {});
    child.stderr.resume();
    if (await abortable(saysFrozen(child), signal)) return child;
    ctx.log.info("a guest cannot freeze its filesystems", { exit: await abortable(child.exited, signal) });
  } catch (error) {
    child?.close();
    ctx.signal.throwIfAborted();
    ctx.log.info("a guest's filesystems could not be frozen", { error: messageOf(error) });
  } finally {
    done();
  }
  return undefined;
}

async function saysFrozen({ stdout }: GuestProcess): Promise<boolean> {
  let said = "";
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
    said = (said + String(chunk)).slice(-100);
    if (said.includes("frozen\n")) return true;
  }
  return false;
}

/** True where they were frozen until now. */
async function thaw(child: GuestProcess, ctx: Ctx): Promise<boolean> {
  const { signal, done } = withDeadline(THAW_MS);
  child.stdin.end();
  child.stdout.resume();
  try {
    return (await abortable(child.exited, signal)).code === 0;
  } catch (error) {
    ctx.log.warn("a guest does not tell that it has thawed its filesystems", { error: messageOf(error) });
    return false;
  } finally {
    done();
  }
}
