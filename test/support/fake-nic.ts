/** A guest's LAN NIC without a guest: it listens as QEMU does, one peer at a time, and keeps what arrives. */
import { once } from "node:events";
import net from "node:net";
import { deferred } from "../../src/base/async.ts";
import { FrameReader, framed } from "../../src/engine/networks/frames.ts";

export class FakeNic {
  readonly received: Buffer[] = [];
  /** How often a peer has come. */
  connections = 0;
  readonly #server: net.Server;
  #peer: net.Socket | undefined;
  #arrival = deferred<void>();

  private constructor(server: net.Server) {
    this.#server = server;
    server.on("connection", (peer) => this.#serve(peer));
  }

  static async listen(file: string): Promise<FakeNic> {
    const server = net.createServer();
    const nic = new FakeNic(server);
    server.listen(file);
    await once(server, "listening");
    return nic;
  }

  /** Resolves when a peer is connected. */
  async connected(): Promise<void> {
    while (!this.#peer) await this.#next();
  }

  /** As the guest would. */
  send(...frames: Buffer[]): void {
    for (const frame of frames) this.#peer?.write(framed(frame));
  }

  /** Bytes that are no frames. */
  sendRaw(bytes: Buffer): void {
    this.#peer?.write(bytes);
  }

  /** Takes nothing more until `resume`. */
  pause(): void {
    this.#peer?.pause();
  }

  resume(): void {
    this.#peer?.resume();
  }

  /** The first frame that has arrived, or arrives, and fits. */
  async receive(fits: (frame: Buffer) => boolean): Promise<Buffer> {
    for (;;) {
      const found = this.received.find(fits);
      if (found) return found;
      await this.#next();
    }
  }

  /** As when its QEMU has died. */
  close(): void {
    this.#server.close();
    this.#peer?.destroy();
  }

  #serve(peer: net.Socket): void {
    this.connections += 1;
    this.#peer = peer;
    const reader = new FrameReader();
    peer.on("data", (chunk) => {
      this.received.push(...reader.push(chunk).map((frame) => Buffer.from(frame)));
      this.#arrived();
    });
    peer.on("error", () => {});
    peer.once("close", () => {
      if (this.#peer === peer) this.#peer = undefined;
    });
    this.#arrived();
  }

  #next(): Promise<void> {
    return this.#arrival.promise;
  }

  #arrived(): void {
    const before = this.#arrival;
    this.#arrival = deferred<void>();
    before.resolve();
  }
}
