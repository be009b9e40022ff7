/** What is done for a forwarded port: by the driver for its guest's network, by this engine for its loopback. */
import { isDeepStrictEqual } from "node:util";
import type { Problem } from "../../api/instance.ts";
import type { PortForward } from "../../api/port.ts";
import { portProblem } from "../../api/port-problem.ts";
import { EngineError, messageOf, toEngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { WorkCtx } from "../operations.ts";
import { type Entry, nameOf, without } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import { endThroughSsh, serveThroughSsh } from "./ssh-forwards.ts";

const LOOPBACK = /^127\./;

export function textOf({ hostAddress, hostPort, protocol }: PortForward): string {
  return `${LOOPBACK.test(hostAddress) ? "" : `${hostAddress}:`}${hostPort}/${protocol}`;
}

/**
 * Opens it where the guest runs, then keeps it: a port that cannot be had is not promised. One that is kept with another
 * address moves, and stays where it was if it cannot.
 */
export async function addPort(keeper: Keeper, entry: Entry, ctx: WorkCtx, port: PortForward): Promise<void> {
  ctx.commit();
  const { ports } = entry.record.descriptor;
  const before = ports.find((one) => samePort(one, port));
  if (before && !isDeepStrictEqual(before, port)) {
    await move(keeper, entry, ctx, before, port);
    await keeper.describe(entry, { ports: ports.map((one) => (one === before ? port : one)) });
    keeper.update(entry, { problems: without(entry.record.problems, portProblem(port)) });
  } else if (!before) {
    const later = await openNowOrLater(keeper, entry, ctx, port);
    await keeper.describe(entry, { ports: [...ports, port] });
    if (later) ctx.warn(`${textOf(port)} will be there when ${nameOf(entry)} is started next`);
  }
  if (!LOOPBACK.test(port.hostAddress)) ctx.warn(`${textOf(port)} can be reached from other computers`);
}

/** A container is given its ports as it starts: one that is asked for while it runs has to wait. */
async function openNowOrLater(keeper: Keeper, entry: Entry, ctx: Ctx, port: PortForward): Promise<boolean> {
  try {
    await open(keeper, entry, ctx, port);
    return false;
  } catch (error) {
    if (entry.record.descriptor.container && toEngineError(error).code === "wrong-state") return true;
    throw error;
  }
}

/** Both at once cannot be: one of them is every address of this host, or they may be. */
async function move(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  before: PortForward,
  port: PortForward,
): Promise<void> {
  await close(entry, ctx, before);
  try {
    await open(keeper, entry, ctx, port);
  } catch (error) {
    await open(keeper, entry, ctx, before).catch((again: unknown) =>
      keeper.update(entry, {
        problems: [...without(entry.record.problems, portProblem(before)), unusable(before, again)],
      }),
    );
    throw error;
  }
}

export async function removePort(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  port: PortForward,
): Promise<void> {
  ctx.commit();
  await close(entry, ctx, port);
  const ports = entry.record.descriptor.ports.filter((one) => !samePort(one, port));
  const problems = without(entry.record.problems, portProblem(port));
  await keeper.describe(entry, { ports });
  keeper.update(entry, { problems });
}

/** After a boot: all that are kept. One that cannot be opened is a problem of the instance, not the end of its start. */
export function openPorts(keeper: Keeper, entry: Entry, ctx: Ctx): Promise<void> {
  return openAll(keeper, entry, ctx, entry.record.descriptor.ports);
}

/** Of a guest that ran when this engine began: its driver's forwards have lasted, those of the last engine have not. */
export function reopenPorts(keeper: Keeper, entry: Entry, ctx: Ctx): Promise<void> {
  const { ports } = entry.record.descriptor;
  return openAll(
    keeper,
    entry,
    ctx,
    ports.filter((port) => isServed(entry, port)),
  );
}

async function openAll(keeper: Keeper, entry: Entry, ctx: Ctx, ports: readonly PortForward[]): Promise<void> {
  const problems: Problem[] = [];
  for (const port of ports) {
    try {
      await open(keeper, entry, ctx, port);
    } catch (error) {
      ctx.signal.throwIfAborted();
      problems.push(unusable(port, error));
    }
  }
  const others = without(entry.record.problems, ...ports.map(portProblem));
  if (problems.length > 0 || others.length < entry.record.problems.length)
    keeper.update(entry, { problems: [...others, ...problems] });
}

function unusable(port: PortForward, error: unknown): Problem {
  const hint = "Free that port of this host and restart the instance, or forward another one.";
  return { code: portProblem(port), severity: "warning", message: messageOf(error), hint };
}

async function open(keeper: Keeper, entry: Entry, ctx: Ctx, port: PortForward): Promise<void> {
  const { running } = entry;
  if (!running) return;
  if (isServed(entry, port)) return serveThroughSsh(keeper, entry, port);
  if (running.ports) return running.ports.open(ctx, port);
  const reason = "ports of its guest cannot be forwarded";
  throw new EngineError("not-supported", `cannot forward ${textOf(port)} to ${nameOf(entry)}: ${reason}`);
}

async function close(entry: Entry, ctx: Ctx, port: PortForward): Promise<void> {
  if (isServed(entry, port)) await endThroughSsh(entry, port);
  else await entry.running?.ports?.close(ctx, port);
}

/** Whether this engine carries its connections, and not what runs the guest. */
function isServed({ running }: Entry, { via }: PortForward): boolean {
  return via === "ssh" || running?.reach !== undefined;
}

function samePort(a: PortForward, b: PortForward): boolean {
  return a.protocol === b.protocol && a.hostPort === b.hostPort;
}
