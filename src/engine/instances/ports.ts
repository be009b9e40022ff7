/** Forwarded ports: kept in the descriptor, opened whenever the guest runs, by the driver that runs it. */
import { createSocket } from "node:dgram";
import net from "node:net";
import type { Problem } from "../../api/instance.ts";
import type { Operation } from "../../api/operation.ts";
import type { NewPortForward, PortForward } from "../../api/port.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { loopbackOf } from "../../base/loopback.ts";
import type { Ctx } from "../ctx.ts";
import type { PortsApi } from "../engine-core.ts";
import type { WorkCtx } from "../operations.ts";
import { type Entry, nameOf, without } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

/** How the actions are begun; the manager. */
type Actions = {
  act(name: string, action: "add-port" | "remove-port", more: { port: PortForward }): Operation;
};

const PORT_UNUSABLE = "port-unusable";
const LOOPBACK = /^127\./;

export class Ports implements PortsApi {
  readonly #keeper: Keeper;
  readonly #actions: Actions;

  constructor(keeper: Keeper, actions: Actions) {
    this.#keeper = keeper;
    this.#actions = actions;
  }

  async add(instance: string, asked: NewPortForward): Promise<Operation> {
    const entry = this.#keeper.find(instance, "forward a port of");
    const wanted = { ...asked, hostAddress: await hostAddressOf(entry, asked) };
    const hostPort = wanted.hostPort ?? (await this.#freePort(entry, wanted));
    const port = { ...wanted, hostPort };
    const holder = holderOf(this.#keeper, entry, port);
    if (holder) {
      const reason = `${textOf(port)} is forwarded to ${nameOf(holder)} already`;
      throw new EngineError("already-exists", `cannot forward a port of ${nameOf(entry)}: ${reason}`, {
        hint: "Choose another port of this host, or remove that forward first.",
      });
    }
    return this.#actions.act(instance, "add-port", { port });
  }

  async remove(instance: string, protocol: PortForward["protocol"], hostPort: number): Promise<Operation> {
    const entry = this.#keeper.find(instance, "remove a port of");
    const port = entry.record.descriptor.ports.find(
      (one) => one.protocol === protocol && one.hostPort === hostPort,
    );
    if (port) return this.#actions.act(instance, "remove-port", { port });
    throw new EngineError(
      "not-found",
      `cannot remove a port of ${instance}: ${hostPort}/${protocol} is not forwarded`,
      {
        hint: `berth port list ${instance} shows what is.`,
      },
    );
  }

  /** The guest's own number where a user may take it and nobody has, else whatever the host gives. */
  async #freePort(entry: Entry, wanted: Omit<PortForward, "hostPort">): Promise<number> {
    const { protocol, hostAddress, guestPort } = wanted;
    const same = { protocol, hostAddress, hostPort: guestPort, guestPort };
    if (guestPort >= 1024 && !holderOf(this.#keeper, entry, same) && (await bindable(same)) !== undefined)
      return guestPort;
    const free = await bindable({ ...same, hostPort: 0 });
    if (free !== undefined) return free;
    throw new EngineError("no-resources", `cannot forward a port: ${hostAddress} has none that is free`);
  }
}

/** The instance's own loopback address where that is asked for. Not every system has all of 127.0.0.0/8. */
async function hostAddressOf(
  entry: Entry,
  { hostAddress, protocol, guestPort }: NewPortForward,
): Promise<string> {
  if (hostAddress !== "own") return hostAddress;
  const own = loopbackOf(entry.record.descriptor.address);
  if ((await bindable({ protocol, hostAddress: own, hostPort: 0, guestPort })) !== undefined) return own;
  const reason = `this host has no address ${own}`;
  throw new EngineError("not-supported", `cannot forward a port of ${nameOf(entry)}: ${reason}`, {
    hint: `Give it that address first (on macOS: sudo ifconfig lo0 alias ${own}), or leave "own" out.`,
  });
}

/** Within an instance a port is known by its number alone; of others only what listens at the same address is in the way. */
function holderOf(keeper: Keeper, own: Entry, wanted: PortForward): Entry | undefined {
  const isSame = (one: PortForward) => one.protocol === wanted.protocol && one.hostPort === wanted.hostPort;
  const everywhere = "0.0.0.0";
  const meets = ({ hostAddress }: PortForward) =>
    [hostAddress, wanted.hostAddress].includes(everywhere) || hostAddress === wanted.hostAddress;
  return keeper.entries().find((entry) => {
    const { state, descriptor } = entry.record;
    return (
      state !== "deleted" && descriptor.ports.some((one) => isSame(one) && (entry === own || meets(one)))
    );
  });
}

/** The number under which a socket could be bound; undefined where it could not. Whoever is quicker may still take it. */
function bindable({ protocol, hostAddress, hostPort }: PortForward): Promise<number | undefined> {
  return new Promise((resolve) => {
    if (protocol === "udp") {
      const socket = createSocket("udp4");
      socket.once("error", () => resolve(undefined));
      socket.bind(hostPort, hostAddress, () => {
        const { port } = socket.address();
        socket.close(() => resolve(port));
      });
      return;
    }
    const server = net.createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ port: hostPort, host: hostAddress, exclusive: true }, () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

export function textOf({ hostAddress, hostPort, protocol }: PortForward): string {
  return `${LOOPBACK.test(hostAddress) ? "" : `${hostAddress}:`}${hostPort}/${protocol}`;
}

/** Opens it where the guest runs, then keeps it: a port that cannot be had is not promised. */
export async function addPort(keeper: Keeper, entry: Entry, ctx: WorkCtx, port: PortForward): Promise<void> {
  ctx.commit();
  const { ports } = entry.record.descriptor;
  if (!ports.some((one) => samePort(one, port))) {
    await open(entry, ctx, port);
    await keeper.describe(entry, { ports: [...ports, port] });
  }
  if (!LOOPBACK.test(port.hostAddress)) ctx.warn(`${textOf(port)} can be reached from other computers`);
}

export async function removePort(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  port: PortForward,
): Promise<void> {
  ctx.commit();
  await entry.running?.ports?.close(ctx, port);
  const ports = entry.record.descriptor.ports.filter((one) => !samePort(one, port));
  const problems = without(entry.record.problems, PORT_UNUSABLE);
  await keeper.describe(entry, { ports });
  keeper.update(entry, { problems });
}

/** After a boot: all that are kept. One that cannot be opened is a problem of the instance, not the end of its start. */
export async function openPorts(keeper: Keeper, entry: Entry, ctx: Ctx): Promise<void> {
  const problems: Problem[] = [];
  for (const port of entry.record.descriptor.ports) {
    try {
      await open(entry, ctx, port);
    } catch (error) {
      ctx.signal.throwIfAborted();
      const hint = "Free that port of this host and restart the instance, or forward another one.";
      problems.push({ code: PORT_UNUSABLE, severity: "warning", message: messageOf(error), hint });
    }
  }
  if (problems.length > 0) keeper.update(entry, { problems: [...entry.record.problems, ...problems] });
}

async function open(entry: Entry, ctx: Ctx, port: PortForward): Promise<void> {
  const { running } = entry;
  if (!running) return;
  if (running.ports) return running.ports.open(ctx, port);
  const reason = "ports of its guest cannot be forwarded";
  throw new EngineError("not-supported", `cannot forward ${textOf(port)} to ${nameOf(entry)}: ${reason}`);
}

function samePort(a: PortForward, b: PortForward): boolean {
  return a.protocol === b.protocol && a.hostPort === b.hostPort;
}
