/** port: what of a guest can be reached on this host. */
import { type Command, Option } from "commander";
import type { NewPortForward, PortForward, PortListener, Via } from "../api/port.ts";
import { EngineError } from "../base/errors.ts";
import { json, table } from "./format.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";

/** `8080:80`, `80`, `0.0.0.0:8080:80`, `own:8080:80`, each with `/udp` or `/tcp` behind it. Throws `invalid-argument`. Pure. */
export function parsePort(text: string): Partial<NewPortForward> & { guestPort: number } {
  const match = /^(?:(?:(\d+\.\d+\.\d+\.\d+|own):)?(\d{1,5}):)?(\d{1,5})(?:\/(tcp|udp))?$/.exec(text);
  const [, hostAddress, hostPort, guestPort, protocol] = match ?? [];
  const numbers = [hostPort, guestPort].filter((one) => one !== undefined).map(Number);
  if (!match || numbers.some((one) => one < 1 || one > 65_535)) {
    throw new EngineError("invalid-argument", `${text} is not a valid port`, {
      hint: "Write HOST:GUEST as 8080:80, or GUEST alone, with /udp for UDP, and ADDRESS:HOST:GUEST to listen elsewhere (own: the instance's own loopback address).",
    });
  }
  return {
    guestPort: Number(guestPort),
    ...(hostPort === undefined ? {} : { hostPort: Number(hostPort) }),
    ...(hostAddress === undefined ? {} : { hostAddress }),
    ...(protocol === undefined ? {} : { protocol: protocol as "tcp" | "udp" }),
  };
}

export function addPortCommands(program: Command, session: Session): void {
  const port = program.command("port").description("Reach ports of a guest on this host");
  addAdding(port, session);
  addListing(port, session);
  addDetection(port, session);
  addRemoval(port, session);
}

function addAdding(port: Command, session: Session): void {
  port
    .command("add")
    .description("Forward a port, now and whenever the instance runs")
    .argument("<name>", "the instance")
    .argument("<port>", "HOST:GUEST, or GUEST alone: 8080:80, 53:53/udp, 0.0.0.0:8080:80, own:8080:80")
    .addOption(
      new Option("--via <way>", "ssh reaches what listens on the guest's loopback alone").choices([
        "network",
        "ssh",
      ] satisfies Via[]),
    )
    .action(async (name: string, text: string, { via }: { via?: Via }) => {
      const wanted = { ...parsePort(text), ...(via === undefined ? {} : { via }) };
      const { api } = await session.client();
      const before = (await api.instances.get({ name })).ports;
      await session.operate(() => api.ports.add({ name, ...wanted }));
      const now = (await api.instances.get({ name })).ports;
      const added = now.find(
        (one) => !before.some((old) => old.hostPort === one.hostPort && old.protocol === one.protocol),
      );
      if (added)
        session.print(
          `${added.hostAddress}:${added.hostPort}/${added.protocol} → ${name}:${added.guestPort}`,
        );
    });
}

function addListing(port: Command, session: Session): void {
  formatOption(
    port
      .command("list", { isDefault: true })
      .alias("ls")
      .description("List forwarded ports")
      .argument("[name]", "of this instance only"),
  ).action(async (name: string | undefined, { format }: { format: "table" | "json" }) => {
    const { api } = await session.client();
    const instances =
      name === undefined ? (await api.instances.list()).items : [await api.instances.get({ name })];
    const rows = instances.flatMap((one) => one.ports.map((forward) => ({ instance: one.name, ...forward })));
    if (format === "json") session.print(json({ ports: rows }));
    else if (rows.length === 0) session.print("No ports are forwarded.");
    else {
      const cells = rows.map((one) => [
        one.instance,
        `${one.hostAddress}:${one.hostPort}`,
        String(one.guestPort),
        one.protocol,
        one.via ?? "network",
      ]);
      session.print(table(["Instance", "Here", "Guest", "Protocol", "Via"], cells));
    }
  });
}

function addDetection(port: Command, session: Session): void {
  formatOption(
    port
      .command("detect")
      .description("List what listens in a guest that runs, and can be forwarded")
      .argument("<name>", "the instance"),
  ).action(async (name: string, { format }: { format: "table" | "json" }) => {
    const { api } = await session.client();
    const { items } = await api.ports.listeners({ name });
    const { ports } = await api.instances.get({ name });
    if (format === "json") session.print(json({ listeners: items }));
    else if (items.length === 0) session.print(`Nothing listens in ${name} that could be forwarded.`);
    else session.print(listenersTable(items, ports));
  });
}

function addRemoval(port: Command, session: Session): void {
  port
    .command("remove")
    .alias("rm")
    .description("Stop forwarding a port")
    .argument("<name>", "the instance")
    .argument("<port>", "the port of this host, with /udp for UDP")
    .action(async (name: string, text: string) => {
      const { guestPort: hostPort, protocol = "tcp" } = parsePort(text);
      await session.operate((api) => api.ports.remove({ name, protocol, hostPort }));
    });
}

/** What listens in the guest, with the addresses of this host that lead there. Pure. */
export function listenersTable(items: readonly PortListener[], forwards: readonly PortForward[]): string {
  const cells = items.map(({ protocol, port, process = "--", address, via }) => [
    String(port),
    protocol,
    process,
    via === "ssh" ? `${address} (--via ssh)` : address,
    forwards
      .filter((one) => one.protocol === protocol && one.guestPort === port)
      .map(({ hostAddress, hostPort }) => `${hostAddress}:${hostPort}`)
      .join(", ") || "--",
  ]);
  return table(["Guest", "Protocol", "Program", "Listens at", "Here"], cells);
}
