/** What is looked up on demand: the guest's own facts, and the ends of logs. */
import { open } from "node:fs/promises";
import path from "node:path";
import type { Duplex, Readable } from "node:stream";
import type { InstanceDetails } from "../../api/instance.ts";
import { EngineError } from "../../base/errors.ts";
import type { LogRequest } from "../drivers/driver.ts";
import type { GuestAccess } from "../guest/guest.ts";
import { hasImage } from "../store/record.ts";
import { refuseOfContainer } from "./container.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

export type LogSource = "serial" | "cloud-init" | "driver";

const TAIL_BYTES = 256 * 1024;
const TAIL_LINES = 5000;

/** The guest's part is absent when it does not run or does not answer. */
export async function details(keeper: Keeper, entry: Entry, signal: AbortSignal): Promise<InstanceDetails> {
  const [guest, diskAllocatedBytes] = await Promise.all([
    guestDetails(entry, signal),
    allocated(keeper, entry),
  ]);
  const addresses = ownFirst(keeper, entry, guest?.addresses ?? []);
  return { ...guest, addresses, ...(diskAllocatedBytes === undefined ? {} : { diskAllocatedBytes }) };
}

/** The addresses of a guest as others know them: its own first, and none that every guest has. */
function ownFirst({ subnet }: Keeper, entry: Entry, all: readonly string[]): string[] {
  const { address } = entry.record.descriptor;
  const others = all.filter((one) => one !== address && one !== subnet.nat.address);
  return all.includes(address) ? [address, ...others] : others;
}

async function guestDetails(entry: Entry, signal: AbortSignal): Promise<InstanceDetails | undefined> {
  try {
    return await entry.running?.guest.details({ signal });
  } catch (error) {
    if (error instanceof EngineError && error.code === "guest-unreachable") return undefined;
    throw error;
  }
}

async function allocated(keeper: Keeper, entry: Entry): Promise<number | undefined> {
  if (entry.broken || !hasImage(entry.record.descriptor)) return undefined;
  return keeper.driverOf(entry).diskUsage(await keeper.driverInstance(entry, { withoutKeys: true }));
}

/** The guest of a running instance; `wrong-state` otherwise. */
export function guestOf(entry: Entry): GuestAccess {
  const name = nameOf(entry);
  if (entry.running?.paused) {
    throw new EngineError("wrong-state", `cannot reach ${name}: instance "${name}" is paused`, {
      hint: `Let it go on: berth unpause ${name}`,
    });
  }
  if (entry.running) return entry.running.guest;
  throw new EngineError("wrong-state", `cannot reach ${name}: instance "${name}" is not running`, {
    hint: `Start it: berth start ${name}`,
  });
}

/** A connection to the screen of a running instance; the caller owns it. */
export async function openDisplay(entry: Entry, signal: AbortSignal): Promise<Duplex> {
  const name = nameOf(entry);
  refuseOfContainer(
    entry.record.descriptor,
    "open the display of",
    "screen",
    `Enter it: berth shell ${name}`,
  );
  const refuse = (code: "wrong-state" | "not-supported", reason: string, hint: string) =>
    new EngineError(code, `cannot open the display of ${name}: ${reason}`, { hint });
  const { running } = entry;
  if (!running)
    throw refuse("wrong-state", `instance "${name}" is not running`, `Start it: berth start ${name}`);
  if (running.openDisplay) return running.openDisplay({ signal });
  throw running.screen === undefined
    ? refuse(
        "not-supported",
        "it has no graphical console: it was launched without one",
        `Use its serial console: berth console ${name}`,
      )
    : refuse(
        "not-supported",
        "the engine cannot reach it on this host",
        `Connect a VNC viewer to the Unix socket ${running.screen}`,
      );
}

/** The end of a log. One that was never written is empty. */
export async function readLog(
  keeper: Keeper,
  entry: Entry,
  source: LogSource,
  signal: AbortSignal,
): Promise<{ text: string; file?: string }> {
  if (source === "serial" && entry.record.descriptor.container)
    return { text: await printedTail(await openLogs(keeper, entry, { tail: TAIL_LINES }, signal)) };
  if (source === "cloud-init") return { text: await guestOf(entry).cloudInitLog({ signal }) };
  const file = path.join(keeper.files.directory(entry.record.descriptor.id), `${source}.log`);
  return { text: (await logTail(file, TAIL_BYTES)).toString("utf8"), file };
}

/** What a container has printed, and goes on to print; the caller owns the stream. */
export async function openLogs(
  keeper: Keeper,
  entry: Entry,
  request: LogRequest,
  signal: AbortSignal,
): Promise<Readable> {
  const driver = keeper.driverOf(entry);
  const name = nameOf(entry);
  if (!driver.logs) {
    throw new EngineError("not-supported", `cannot read the logs of ${name}: it is not a container`, {
      hint: `What its guest prints: berth log ${name}, or berth console ${name}`,
    });
  }
  const instance = await keeper.driverInstance(entry, { withoutKeys: true });
  return driver.logs({ signal }, instance, request);
}

/** Its last bytes: one line may be longer than all that is wanted. */
async function printedTail(output: Readable): Promise<string> {
  let kept = Buffer.alloc(0);
  for await (const chunk of output as AsyncIterable<Buffer>)
    kept = Buffer.concat([kept, chunk]).subarray(-TAIL_BYTES);
  return kept.toString("utf8");
}

/** Up to so many bytes of its end; none of a log that was never written. */
export async function logTail(file: string, bytes: number): Promise<Buffer> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(file, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, bytes);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
