/**
 * A small RFB 3.8 server, as a hypervisor has one for a guest's screen: bars of colour with a frame around them, raw, in
 * whatever true-colour format the viewer asks for. Each pressed key changes the frame's colour. A viewer that knows
 * ExtendedDesktopSize may change the size.
 */
import { type Duplex, duplexPair } from "node:stream";
import { exactly } from "../../src/base/read-exactly.ts";

export type FakeDisplayEvents = {
  /** Its keysym, and whether it was pressed or let go. */
  key: (keysym: number, down: boolean) => void;
  pointer: (x: number, y: number, buttons: number) => void;
  resized: (width: number, height: number) => void;
};

type PixelFormat = { bytes: number; max: number[]; shift: number[]; bigEndian: boolean };

export const BARS = [0xffffff, 0xffdd00, 0x00ccdd, 0x00bb33, 0xbb00aa, 0xdd2222, 0x2255ee, 0x111111];
export const FRAMES = [0x3366cc, 0xff8800, 0x88cc00, 0xcc0066];
export const FRAME_PIXELS = 8;

const EXTENDED_DESKTOP_SIZE = -308;
const NATIVE: PixelFormat = { bytes: 4, max: [255, 255, 255], shift: [16, 8, 0], bigEndian: false };

/** A viewer's end of a connection to a screen of its own. It ends when `over` aborts. */
export function fakeDisplay(name: string, events: Partial<FakeDisplayEvents>, over: AbortSignal): Duplex {
  const [viewer, server] = duplexPair({ allowHalfOpen: false });
  const end = () => server.end();
  over.addEventListener("abort", end, { once: true });
  server.once("close", () => over.removeEventListener("abort", end));
  server.on("error", () => {});
  void new Session(name, server, events).run().catch(() => server.destroy());
  return viewer;
}

class Session {
  readonly #name: string;
  readonly #out: Duplex;
  readonly #events: Partial<FakeDisplayEvents>;
  readonly #read: (bytes: number) => Promise<Buffer>;
  #format = NATIVE;
  #size = { width: 640, height: 400 };
  #knowsSizes = false;
  #keys = 0;
  /** What is to be told of the size before the next update. */
  #sizeNews: { reason: number; status: number } | undefined;
  #dirty = true;
  #asked = false;

  constructor(name: string, out: Duplex, events: Partial<FakeDisplayEvents>) {
    this.#name = name;
    this.#out = out;
    this.#events = events;
    this.#read = exactly(out);
  }

  async run(): Promise<void> {
    this.#out.write("RFB 003.008\n");
    const version = (await this.#read(12)).toString("latin1");
    if (version !== "RFB 003.008\n") throw new Error(`the viewer speaks ${version}`);
    this.#out.write(Buffer.from([1, 1]));
    const [security] = await this.#read(1);
    if (security !== 1) throw new Error(`the viewer chose security ${security}`);
    this.#out.write(Buffer.alloc(4));
    await this.#read(1);
    this.#out.write(this.#init());
    for (;;) await this.#message();
  }

  #init(): Buffer {
    const name = Buffer.from(this.#name);
    const head = Buffer.alloc(24);
    head.writeUInt16BE(this.#size.width, 0);
    head.writeUInt16BE(this.#size.height, 2);
    head.set([32, 24, 0, 1], 4);
    for (const [at, max] of NATIVE.max.entries()) head.writeUInt16BE(max, 8 + 2 * at);
    head.set(NATIVE.shift, 14);
    head.writeUInt32BE(name.length, 20);
    return Buffer.concat([head, name]);
  }

  async #message(): Promise<void> {
    const [type = -1] = await this.#read(1);
    if (type === 0) this.#format = formatOf((await this.#read(19)).subarray(3));
    else if (type === 2) this.#encodings(await this.#counted(3, 1, 4));
    else if (type === 3) this.#askedFor(await this.#read(9));
    else if (type === 4) this.#key(await this.#read(7));
    else if (type === 5) this.#pointer(await this.#read(5));
    else if (type === 6) await this.#read((await this.#read(7)).readUInt32BE(3));
    else if (type === 251) this.#resize(await this.#counted(7, 5, 16));
    else throw new Error(`the viewer sent a message of type ${type}`);
  }

  /** A head, and the items that it counts. */
  async #counted(head: number, countAt: number, itemBytes: number): Promise<Buffer> {
    const first = await this.#read(head);
    const count = itemBytes === 4 ? first.readUInt16BE(countAt) : (first[countAt] ?? 0);
    return Buffer.concat([first, await this.#read(count * itemBytes)]);
  }

  #encodings(message: Buffer): void {
    for (let at = 3; at < message.length; at += 4)
      if (message.readInt32BE(at) === EXTENDED_DESKTOP_SIZE && !this.#knowsSizes) {
        this.#knowsSizes = true;
        this.#sizeNews = { reason: 0, status: 0 };
      }
  }

  #askedFor(message: Buffer): void {
    if (message[0] === 0) this.#dirty = true;
    this.#asked = true;
    this.#update();
  }

  #key(message: Buffer): void {
    const down = message[0] === 1;
    this.#events.key?.(message.readUInt32BE(3), down);
    if (!down) return;
    this.#keys += 1;
    this.#dirty = true;
    this.#update();
  }

  #pointer(message: Buffer): void {
    this.#events.pointer?.(message.readUInt16BE(1), message.readUInt16BE(3), message[0] ?? 0);
  }

  #resize(message: Buffer): void {
    this.#size = { width: message.readUInt16BE(1), height: message.readUInt16BE(3) };
    this.#events.resized?.(this.#size.width, this.#size.height);
    this.#sizeNews = { reason: 1, status: 0 };
    this.#dirty = true;
    this.#update();
  }

  /** Answers the viewer's request when there is something to say. */
  #update(): void {
    if (!this.#asked || !(this.#dirty || this.#sizeNews)) return;
    const rectangles = [
      ...(this.#sizeNews ? [this.#sizeRectangle(this.#sizeNews)] : []),
      ...(this.#dirty ? [this.#picture()] : []),
    ];
    this.#out.write(Buffer.concat([Buffer.from([0, 0, 0, rectangles.length]), ...rectangles]));
    this.#asked = false;
    this.#dirty = false;
    this.#sizeNews = undefined;
  }

  #sizeRectangle({ reason, status }: { reason: number; status: number }): Buffer {
    const { width, height } = this.#size;
    const screen = Buffer.alloc(20);
    screen[0] = 1;
    screen.writeUInt32BE(1, 4);
    screen.writeUInt16BE(width, 12);
    screen.writeUInt16BE(height, 14);
    return Buffer.concat([rectangle(reason, status, width, height, EXTENDED_DESKTOP_SIZE), screen]);
  }

  #picture(): Buffer {
    const { width, height } = this.#size;
    const frame = FRAMES[this.#keys % FRAMES.length] ?? 0;
    const line = (colours: (x: number) => number) =>
      Buffer.concat(Array.from({ length: width }, (_, x) => pixel(this.#format, colours(x))));
    const edge = line(() => frame);
    const middle = line((x) =>
      x < FRAME_PIXELS || x >= width - FRAME_PIXELS
        ? frame
        : (BARS[Math.floor((x / width) * BARS.length)] ?? 0),
    );
    const lines = Array.from({ length: height }, (_, y) =>
      y < FRAME_PIXELS || y >= height - FRAME_PIXELS ? edge : middle,
    );
    return Buffer.concat([rectangle(0, 0, width, height, 0), ...lines]);
  }
}

function rectangle(x: number, y: number, width: number, height: number, encoding: number): Buffer {
  const head = Buffer.alloc(12);
  for (const [at, value] of [x, y, width, height].entries()) head.writeUInt16BE(value, 2 * at);
  head.writeInt32BE(encoding, 8);
  return head;
}

function formatOf(bytes: Buffer): PixelFormat {
  return {
    bytes: (bytes[0] ?? 32) / 8,
    bigEndian: bytes[2] === 1,
    max: [4, 6, 8].map((at) => bytes.readUInt16BE(at)),
    shift: [...bytes.subarray(10, 13)],
  };
}

function pixel({ bytes, max, shift, bigEndian }: PixelFormat, colour: number): Buffer {
  const parts = [16, 8, 0].map((bits) => (colour >> bits) & 0xff);
  const value = parts.reduce((sum, part, at) => {
    const scaled = Math.round((part * (max[at] ?? 0)) / 255);
    return sum + scaled * 2 ** (shift[at] ?? 0);
  }, 0);
  const out = Buffer.alloc(bytes);
  if (bigEndian) out.writeUIntBE(value, 0, bytes);
  else out.writeUIntLE(value, 0, bytes);
  return out;
}
