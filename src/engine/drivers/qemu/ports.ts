/** Forwarded ports of QEMU's user network, changed while it runs. QEMU holds the sockets, so they outlive the engine. */
import type { PortForward } from "../../../api/port.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { PortSupport } from "../running.ts";
import type { QmpClient } from "./qmp.ts";

/** The network's id on our command line. */
const NETDEV = "net";

export class QemuPorts implements PortSupport {
  readonly #instance: { name: string; address: string };
  readonly #monitor: () => QmpClient | undefined;

  constructor(instance: { name: string; address: string }, monitor: () => QmpClient | undefined) {
    this.#instance = instance;
    this.#monitor = monitor;
  }

  async open(ctx: Ctx, port: PortForward): Promise<void> {
    if (isForwarded(await this.#ask(ctx, "info usernet"), port)) return;
    const words = (
      await this.#ask(ctx, `hostfwd_add ${NETDEV} ${ruleOf(port, this.#instance.address)}`)
    ).trim();
    if (words === "") return;
    const { hostAddress, hostPort, protocol } = port;
    throw new EngineError(
      "already-exists",
      `cannot forward ${hostPort}/${protocol} to ${this.#instance.name}: ${hostAddress}:${hostPort} cannot be listened on; another program may have it`,
      { hint: "Choose another port of this host.", details: { words } },
    );
  }

  async close(ctx: Ctx, { protocol, hostAddress, hostPort }: PortForward): Promise<void> {
    await this.#ask(ctx, `hostfwd_remove ${NETDEV} ${protocol}:${hostAddress}:${hostPort}`);
  }

  async #ask(ctx: Ctx, line: string): Promise<string> {
    const monitor = this.#monitor();
    if (!monitor) {
      throw new EngineError(
        "driver-failed",
        `cannot reach the QEMU of ${this.#instance.name}: it does not answer`,
      );
    }
    const answer = await monitor.execute(
      "human-monitor-command",
      { "command-line": line },
      { signal: ctx.signal },
    );
    return String(answer);
  }
}

/** QEMU's `hostfwd` rule. Addresses and numbers only, so nothing needs quoting. Pure. */
export function ruleOf({ protocol, hostAddress, hostPort, guestPort }: PortForward, guest: string): string {
  return `${protocol}:${hostAddress}:${hostPort}-${guest}:${guestPort}`;
}

/** Whether `info usernet` lists the forward. Pure. */
export function isForwarded(
  usernet: string,
  { protocol, hostAddress, hostPort, guestPort }: PortForward,
): boolean {
  const wanted = [
    `${protocol.toUpperCase()}[HOST_FORWARD]`,
    hostAddress,
    String(hostPort),
    String(guestPort),
  ];
  return usernet.split("\n").some((line) => {
    const [kind, , from, port, , to] = line.trim().split(/\s+/);
    return [kind, from, port, to].every((cell, at) => cell === wanted[at]);
  });
}
