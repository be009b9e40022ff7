/**
 * Forwards through a guest's SSH server, for what listens on its loopback alone: this engine listens on the host, and
 * each connection is a channel of the connection that is kept to the guest. They end with the guest's run, or with the
 * engine, whose successor opens them again.
 */
import net from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { PortForward } from "../../api/port.ts";
import { withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import { refuseInHost } from "../drivers/container-host.ts";
import type { Running } from "../drivers/running.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

/** For the guest to open a connection to itself. */
const CONNECT_MS = 30_000;
const MAX_CONNECTIONS = 512;

/** No effect where it is served already, or where nothing runs. */
export async function serveThroughSsh(keeper: Keeper, entry: Entry, forward: PortForward): Promise<void> {
  const { running, background } = entry;
  const key = keyOf(forward);
  if (!running || !background || entry.forwards.has(key)) return;
  refuseInHost(nameOf(entry), { ports: [forward] });
  const ending = new AbortController();
  const signal = AbortSignal.any([background.signal, ending.signal]);
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    void carry(socket, connecting(running, forward), signal).catch((error: unknown) =>
      keeper.log.debug("a forwarded connection ended", { instance: nameOf(entry), port: key, error }),
    );
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, forward, nameOf(entry));
  const closed = new Promise<void>((resolve) => server.once("close", () => resolve()));
  const onAbort = () => {
    entry.forwards.delete(key);
    keeper.serving.end();
    server.close();
  };
  keeper.serving.begin();
  entry.forwards.set(key, {
    close: async () => {
      ending.abort();
      await closed;
    },
  });
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
}

/** Resolves when nothing listens any more and its connections are closed. */
export async function endThroughSsh(entry: Entry, forward: PortForward): Promise<void> {
  await entry.forwards.get(keyOf(forward))?.close();
}

type Connecting = (ctx: Pick<Ctx, "signal">) => Promise<Duplex>;

/** To its loopback, or to what it is forwarded from where only the engine leads there. */
function connecting({ guest, reach }: Running, forward: PortForward): Connecting {
  if (reach && forward.via !== "ssh") return (ctx) => reach(ctx, forward);
  return (ctx) => guest.connect(ctx, forward.guestPort);
}

async function carry(socket: net.Socket, connect: Connecting, parent: AbortSignal): Promise<void> {
  const { signal, done } = withDeadline(CONNECT_MS, parent);
  socket.on("error", () => {}); // Told by the pipeline, once there is one.
  try {
    const channel = await connect({ signal }).finally(done);
    await pipeline(socket, channel, socket, { signal: parent });
  } catch (error) {
    socket.resetAndDestroy();
    throw error;
  }
}

function listen(server: net.Server, { hostAddress, hostPort, protocol }: PortForward, name: string) {
  return new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      const reason = `${hostAddress}:${hostPort} cannot be listened on; another program may have it`;
      reject(
        new EngineError("already-exists", `cannot forward ${hostPort}/${protocol} to ${name}: ${reason}`, {
          hint: "Choose another port of this host.",
          cause,
        }),
      );
    });
    server.listen({ port: hostPort, host: hostAddress, exclusive: true }, () => resolve());
  });
}

function keyOf({ protocol, hostPort }: PortForward): string {
  return `${hostPort}/${protocol}`;
}
