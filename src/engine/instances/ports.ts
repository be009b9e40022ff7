/** Forwarded ports: kept in the descriptor, opened whenever the guest runs. */
import { createSocket } from "node:dgram";
import net from "node:net";
import type { Operation } from "../../api/operation.ts";
import type { NewPortForward, PortForward, PortForwardChange } from "../../api/port.ts";
import { EngineError, toEngineError } from "../../base/errors.ts";
import { loopbackOf } from "../../base/loopback.ts";
import { refuseInHost } from "../drivers/container-host.ts";
import type { ForwardName, PortsApi } from "../engine-core.ts";
import type { Finding } from "./check.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import { textOf } from "./port-work.ts";

/** How the actions are begun; the manager. */
type Actions = {
  act(name: string, action: "add-port" | "remove-port", more: { port: PortForward }): Operation;
};

export class Ports implements PortsApi {
  readonly #keeper: Keeper;
  readonly #actions: Actions;

  constructor(keeper: Keeper, actions: Actions) {
    this.#keeper = keeper;
    this.#actions = actions;
  }

  async add(instance: string, asked: NewPortForward): Promise<Operation> {
    const entry = this.#keeper.find(instance, "forward a port of");
    refuseSsh(entry, asked);
    const wanted = { ...asked, hostAddress: await hostAddressOf(entry, asked) };
    const port = { ...wanted, hostPort: wanted.hostPort ?? (await freePort(this.#keeper, entry, wanted)) };
    refuseHeld(this.#keeper, entry, port);
    if (entry.record.descriptor.container?.runtime === "vm") refuseInHost(instance, { ports: [port] });
    return this.#actions.act(instance, "add-port", { port });
  }

  async update(instance: string, name: ForwardName, change: PortForwardChange): Promise<Operation> {
    const entry = this.#keeper.find(instance, "change a port of");
    const before = forwardOf(entry, name, "change");
    const hostAddress = await hostAddressOf(entry, { ...before, ...change });
    const port = { ...before, hostAddress };
    refuseHeld(this.#keeper, entry, port, before);
    return this.#actions.act(instance, "add-port", { port });
  }

  async remove(instance: string, name: ForwardName): Promise<Operation> {
    const entry = this.#keeper.find(instance, "remove a port of");
    return this.#actions.act(instance, "remove-port", { port: forwardOf(entry, name, "remove") });
  }
}

/**
 * Those that an instance shall have from its launch on; `where` is its name, for messages. Throws where one cannot be had.
 */
export async function planPorts(
  keeper: Keeper,
  asked: readonly NewPortForward[],
  where: string,
): Promise<PortForward[]> {
  const planned: PortForward[] = [];
  const cannot = `cannot forward a port of ${where}`;
  for (const { hostAddress, ...one } of asked) {
    if (hostAddress === "own") {
      throw new EngineError("invalid-argument", `${cannot}: its own address is not known before its launch`, {
        hint: "Launch it, then: berth port add.",
      });
    }
    const wanted = { ...one, hostAddress };
    const port = {
      ...wanted,
      hostPort: one.hostPort ?? (await freePort(keeper, undefined, wanted, planned)),
    };
    const twice = planned.some((other) => meets(other, port));
    const holder = holderOf(keeper, undefined, port);
    if (twice || holder) throw held(where, port, holder ? nameOf(holder) : "another port of it");
    planned.push(port);
  }
  return planned;
}

export async function portFindings(
  keeper: Keeper,
  asked: readonly NewPortForward[],
  where: string,
): Promise<Finding[]> {
  try {
    await planPorts(keeper, asked, where);
    return [];
  } catch (error) {
    const { code, message, hint } = toEngineError(error);
    return [{ code: "port-impossible", severity: "error", message, error: code, ...(hint ? { hint } : {}) }];
  }
}

/** The guest's own number where a user may take it and nobody has, else whatever the host gives. */
async function freePort(
  keeper: Keeper,
  own: Entry | undefined,
  wanted: Omit<PortForward, "hostPort">,
  planned: readonly PortForward[] = [],
): Promise<number> {
  const { protocol, hostAddress, guestPort } = wanted;
  const same = { protocol, hostAddress, hostPort: guestPort, guestPort };
  const isFree = !holderOf(keeper, own, same) && !planned.some((one) => meets(one, same));
  if (guestPort >= 1024 && isFree && (await bindable(same)) !== undefined) return guestPort;
  const free = await bindable({ ...same, hostPort: 0 });
  if (free !== undefined) return free;
  throw new EngineError("no-resources", `cannot forward a port: ${hostAddress} has none that is free`);
}

/** An SSH server of ours is in Linux guests alone, and carries nothing but TCP. */
function refuseSsh(entry: Entry, { via, protocol }: NewPortForward): void {
  if (via !== "ssh") return;
  const cannot = `cannot forward a port of ${nameOf(entry)} through SSH`;
  if (entry.record.descriptor.guest !== "linux")
    throw new EngineError("not-supported", `${cannot}: Berth has no login in it`);
  if (protocol !== "tcp") throw new EngineError("invalid-argument", `${cannot}: SSH carries TCP only`);
}

/** `before`: the forward that it takes the place of. */
function refuseHeld(keeper: Keeper, entry: Entry, port: PortForward, before?: PortForward): void {
  const holder = holderOf(keeper, entry, port, before);
  if (holder) throw held(nameOf(entry), port, nameOf(holder));
}

function held(where: string, port: PortForward, holder: string): EngineError {
  const reason = `${textOf(port)} is forwarded to ${holder} already`;
  return new EngineError("already-exists", `cannot forward a port of ${where}: ${reason}`, {
    hint: "Choose another port of this host, or remove that forward first.",
  });
}

function forwardOf(entry: Entry, { protocol, hostPort }: ForwardName, verb: string): PortForward {
  const port = entry.record.descriptor.ports.find(
    (one) => one.protocol === protocol && one.hostPort === hostPort,
  );
  if (port) return port;
  const name = nameOf(entry);
  const reason = `${hostPort}/${protocol} is not forwarded`;
  throw new EngineError("not-found", `cannot ${verb} a port of ${name}: ${reason}`, {
    hint: `berth port list ${name} shows what is.`,
  });
}

/** The instance's own loopback address where that is asked for. Not every system has all of 127.0.0.0/8. */
async function hostAddressOf(
  entry: Entry,
  { hostAddress, protocol, guestPort }: NewPortForward,
): Promise<string> {
  if (hostAddress !== "own") return hostAddress;
  if (entry.record.descriptor.kind === "container") {
    const reason = `cannot forward a port of ${nameOf(entry)}: a container has no address of its own here`;
    throw new EngineError("not-supported", reason, { hint: "Name another: 127.0.0.1:8080:80" });
  }
  const own = loopbackOf(entry.record.descriptor.address);
  if ((await bindable({ protocol, hostAddress: own, hostPort: 0, guestPort })) !== undefined) return own;
  const reason = `this host has no address ${own}`;
  throw new EngineError("not-supported", `cannot forward a port of ${nameOf(entry)}: ${reason}`, {
    hint: `Give it that address first (on macOS: sudo ifconfig lo0 alias ${own}), or leave "own" out.`,
  });
}

/** Within an instance a port is known by its number alone; of others only what listens at the same address is in the way. */
function holderOf(
  keeper: Keeper,
  own: Entry | undefined,
  wanted: PortForward,
  before?: PortForward,
): Entry | undefined {
  const isHeld = (one: PortForward, entry: Entry) =>
    one !== before && (entry === own ? isSame(one, wanted) : meets(one, wanted));
  return keeper.entries().find((entry) => {
    const { state, descriptor } = entry.record;
    return state !== "deleted" && descriptor.ports.some((one) => isHeld(one, entry));
  });
}

function isSame(one: PortForward, other: PortForward): boolean {
  return one.protocol === other.protocol && one.hostPort === other.hostPort;
}

/** Whether both cannot listen at once. */
function meets(one: PortForward, other: PortForward): boolean {
  const addresses = [one.hostAddress, other.hostAddress];
  return isSame(one, other) && (addresses.includes("0.0.0.0") || addresses[0] === addresses[1]);
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
