/** The halves of ws that read and write frames: it exports them, its types do not tell of them. */
import type { Duplex, Writable } from "node:stream";

declare module "ws" {
  type Events = {
    message: [data: Buffer, binary: boolean];
    ping: [data: Buffer];
    /** The other side says goodbye. */
    conclude: [code: number, reason: Buffer];
    error: [error: Error];
  };

  /** Takes bytes in any pieces; as a client's (the default) it refuses frames that are masked. */
  export class Receiver extends Writable {
    constructor(options: { maxPayload: number });
    on<K extends keyof Events>(event: K, listener: (...args: Events[K]) => void): this;
    on(event: string | symbol, listener: (...args: never[]) => void): this;
  }

  type Frame = { fin: boolean; binary: boolean; compress: boolean; mask: boolean };

  export class Sender {
    constructor(
      socket: Duplex,
      extensions: Record<string, never> | undefined,
      generateMask: (mask: Buffer) => void,
    );
    send(data: Uint8Array | string, frame: Frame, done?: (error?: Error | null) => void): void;
    pong(data: Buffer, mask: boolean): void;
    close(code: number | undefined, reason: Buffer | string | undefined, mask: boolean): void;
  }
}
