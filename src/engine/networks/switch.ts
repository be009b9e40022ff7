/**
 * One network of the engine's: a switch between the LAN NICs of guests that run. Each guest's QEMU listens on a socket of its
 * own and drops frames while nobody is connected, so that engines may come and go. Nothing is kept of a frame but for
 * bounded queues to guests that are slow to take theirs.
 */
import net from "node:net";
import { sleep } from "../../base/async.ts";
import { messageOf } from "../../base/errors.ts";
import type { Subnet } from "../drivers/driver.ts";
import type { Log } from "../log.ts";
import { parseAddress, parseNetwork } from "./addresses.ts";
import type { Names } from "./dns.ts";
import { FrameReader, framed } from "./frames.ts";
import { macOf } from "./packets.ts";
import { type Drop, judge, type Service, type Station } from "./switching.ts";

/** A guest that takes part. */
export type Member = { id: string; mac: string; address: string; socket: string };

/** What may wait for a guest; more is dropped, as on any network, and TCP adapts. */
const QUEUE_BYTES = 1 << 20;
/** Between two tries to reach a guest's QEMU that should be there. */
const AGAIN_MS = 250;

/** MAC of the network itself, like QEMU's own ways out: 52:55 and its address. */
export function serviceOf({ cidr, dns }: Subnet): Service {
  const address = parseAddress(dns);
  const { bits } = parseNetwork(cidr);
  return { mac: 0x5255 * 2 ** 32 + address, address, mask: 2 ** 32 - 2 ** (32 - bits) };
}

export class Switch {
  readonly #service: Service;
  readonly #names: Names;
  readonly #log: Log;
  readonly #ports = new Map<string, Port>();
  readonly #byMac = new Map<number, Port>();
  /** Frames that were not passed on, by reason, since the engine's start. */
  readonly dropped: Record<Drop | "full", number> = {
    ...{ malformed: 0, oversize: 0, spoofed: 0, unwanted: 0, nobody: 0, full: 0 },
  };

  constructor(subnet: Subnet, names: Names, log: Log) {
    this.#service = serviceOf(subnet);
    this.#names = names;
    this.#log = log;
  }

  /** From now on these take part and no others. */
  connect(members: readonly Member[]): void {
    this.keep(members);
    for (const member of members) {
      const key = keyOf(member);
      if (!this.#ports.has(key)) this.#add(key, member);
    }
  }

  /** From now on none but these take part, of those who do. */
  keep(members: readonly Member[]): void {
    const wanted = new Set(members.map(keyOf));
    for (const [key, port] of this.#ports) if (!wanted.has(key)) this.#remove(key, port);
  }

  close(): void {
    this.connect([]);
  }

  #add(key: string, member: Member): void {
    const station = { mac: macOf(member.mac), address: parseAddress(member.address) };
    const port = new Port(station, member.socket, this.#log, (frame) => this.#pass(port, frame));
    this.#ports.set(key, port);
    this.#byMac.set(station.mac, port);
  }

  #remove(key: string, port: Port): void {
    port.dispose();
    this.#ports.delete(key);
    if (this.#byMac.get(port.station.mac) === port) this.#byMac.delete(port.station.mac);
  }

  #pass(from: Port, frame: Buffer): void {
    const verdict = judge(frame, from.station, this.#service, this.#names);
    if (verdict.how === "answer") this.#send(from, verdict.frame);
    else if (verdict.how === "drop") this.dropped[verdict.why] += 1;
    else if (verdict.how === "all") {
      for (const to of this.#ports.values()) if (to !== from) this.#send(to, frame);
    } else this.#send(this.#byMac.get(verdict.mac), frame);
  }

  #send(to: Port | undefined, frame: Buffer): void {
    if (!to) this.dropped.nobody += 1;
    else if (!to.send(frame)) this.dropped.full += 1;
  }
}

const keyOf = ({ id, mac, address, socket }: Member) => [id, mac, address, socket].join(" ");

/** The connection to one guest's QEMU, made again when it is lost. */
class Port {
  readonly station: Station;
  readonly #over = new AbortController();
  readonly #log: Log;
  readonly #onFrame: (frame: Buffer) => void;
  #socket: net.Socket | undefined;

  constructor(station: Station, file: string, log: Log, onFrame: (frame: Buffer) => void) {
    this.station = station;
    this.#log = log;
    this.#onFrame = onFrame;
    void this.#keep(file);
  }

  /** False where it was dropped: the guest takes no more at the moment, or is not connected. */
  send(frame: Buffer): boolean {
    const socket = this.#socket;
    if (!socket || socket.writableLength > QUEUE_BYTES) return false;
    // What one chunk of a sender held goes out as one write.
    if (socket.writableCorked === 0) {
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    socket.write(framed(frame));
    return true;
  }

  dispose(): void {
    this.#over.abort();
    this.#socket?.destroy();
  }

  async #keep(file: string): Promise<void> {
    const { signal } = this.#over;
    try {
      while (!signal.aborted) {
        await this.#serve(file);
        await sleep(AGAIN_MS, signal);
      }
    } catch {
      // Disposed of.
    }
  }

  /** Resolves when the connection has ended, or could not be made. */
  #serve(file: string): Promise<void> {
    return new Promise((resolve) => {
      const socket = net.connect(file);
      const reader = new FrameReader();
      this.#socket = socket;
      socket.on("data", (chunk) => {
        try {
          for (const frame of reader.push(chunk)) this.#onFrame(frame);
        } catch (error) {
          socket.destroy(error as Error);
        }
      });
      socket.on("error", (error) => {
        this.#log.debug("a guest's network connection failed", { file, error: messageOf(error) });
      });
      socket.once("close", () => {
        if (this.#socket === socket) this.#socket = undefined;
        resolve();
      });
    });
  }
}
