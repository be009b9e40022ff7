/** A way to a server on which a test makes the faults that networks have. */
import { once } from "node:events";
import net from "node:net";

/**
 * What becomes of a connection after so many bytes have passed to the server (`up`) or from it (`down`): it breaks, it
 * ends in order though something is missing, or nothing passes any more.
 */
export type Fault = { kind: "drop" | "end" | "stall"; up?: number; down?: number };

export type FaultProxy = {
  port: number;
  /** Connections that were made. */
  readonly made: number;
  /** Each of the next connections gets one of these; those after them are whole. */
  next(...faults: Fault[]): void;
  /** Breaks every connection there is. */
  breakAll(): void;
  /** Open connections, stalled ones too. */
  readonly open: number;
  stop(): Promise<void>;
};

export async function startFaultProxy(port: number): Promise<FaultProxy> {
  const faults: Fault[] = [];
  const sockets = new Set<net.Socket>();
  let made = 0;
  const server = net.createServer({ allowHalfOpen: true }, (near) => {
    made += 1;
    const far = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => {
        sockets.delete(socket);
        (socket === near ? far : near).destroy();
      });
    }
    join(near, far, faults.shift());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as net.AddressInfo).port,
    get made() {
      return made;
    },
    get open() {
      return sockets.size / 2;
    },
    next: (...more) => void faults.push(...more),
    breakAll: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    stop: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}

function join(near: net.Socket, far: net.Socket, fault: Fault | undefined): void {
  let struck = false;
  const strike = () => {
    struck = true; // From now on what comes is read and lost.
    if (fault?.kind === "drop") near.resetAndDestroy();
    if (fault?.kind === "end") near.end();
  };
  const carry = (from: net.Socket, to: net.Socket, limit = Number.POSITIVE_INFINITY) => {
    let left = limit;
    from.on("data", (bytes) => {
      if (struck) return;
      const part = bytes.subarray(0, left);
      left -= part.length;
      if (part.length > 0 && to.writable && !to.write(part)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
      if (left <= 0) strike();
    });
    from.once("end", () => {
      if (!struck) to.end();
      else if (from === near) near.destroy(); // Whoever has left waits for nothing that is stalled.
    });
  };
  carry(near, far, fault?.up);
  carry(far, near, fault?.down);
}
