/** What a guest's screen shows now: a viewer that shakes hands, asks once for the whole of it and leaves. RFB 3.8. */
import type { Duplex } from "node:stream";
import type { Screenshot } from "../../api/instance.ts";
import { abortable, withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import { exactly } from "../../base/read-exactly.ts";
import { encodePng } from "./png.ts";

/** A screen is told in milliseconds; a host that is busy takes longer. */
const PICTURE_MS = 20_000;
const MOST_PIXELS = 2 ** 26;
const VERSION = "RFB 003.008\n";
const NO_SECURITY = 1;
const RAW = 0;

/** Messages of the server beside pictures: how many bytes follow the type. A text is as long as its last four say. */
const COLOURS = 1;
const BELL = 2;
const TEXT = 3;

/** Takes the connection over, and ends it. */
export async function takeScreenshot(
  name: string,
  display: Duplex,
  signal: AbortSignal,
): Promise<Screenshot> {
  const deadline = withDeadline(PICTURE_MS, signal);
  display.on("error", () => {}); // Whoever reads from it is told.
  try {
    return await abortable(new Viewer(display).picture(), deadline.signal);
  } catch (error) {
    signal.throwIfAborted();
    const late = deadline.signal.aborted;
    throw new EngineError(
      late ? "timed-out" : "driver-failed",
      `cannot take a screenshot of ${name}: ${late ? "its screen does not answer" : (error as Error).message}`,
      { cause: error },
    );
  } finally {
    deadline.done();
    display.destroy();
  }
}

class Viewer {
  readonly #display: Duplex;
  readonly #read: (bytes: number) => Promise<Buffer>;
  #width = 0;
  #height = 0;

  constructor(display: Duplex) {
    this.#display = display;
    this.#read = exactly(display);
  }

  async picture(): Promise<Screenshot> {
    await this.#shakeHands();
    const [width, height] = [this.#width, this.#height];
    if (width * height === 0 || width * height > MOST_PIXELS)
      throw new Error(`its screen is said to be ${width}x${height}`);
    this.#ask();
    const rgb = Buffer.alloc(width * height * 3);
    for (let missing = width * height; missing > 0; ) missing -= await this.#message(rgb);
    const png = await encodePng(width, height, rgb);
    return { png: png.toString("base64"), width, height };
  }

  async #shakeHands(): Promise<void> {
    const version = (await this.#read(VERSION.length)).toString("latin1");
    if (!version.startsWith("RFB 003.")) throw new Error("its screen does not speak RFB");
    this.#display.write(VERSION);
    const [count = 0] = await this.#read(1);
    if (!(await this.#read(count)).includes(NO_SECURITY)) throw new Error("its screen wants a password");
    this.#display.write(Buffer.from([NO_SECURITY]));
    if ((await this.#read(4)).readUInt32BE() !== 0) throw new Error("its screen turns viewers away");
    this.#display.write(Buffer.from([1])); // Others stay.
    const init = await this.#read(24);
    this.#width = init.readUInt16BE(0);
    this.#height = init.readUInt16BE(2);
    await this.#skip(init.readUInt32BE(20));
  }

  /** For all of it, raw, each pixel as four bytes: red, green, blue, nothing. */
  #ask(): void {
    const format = [0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0];
    const encodings = [2, 0, 0, 1, 0, 0, 0, RAW];
    const request = Buffer.alloc(10);
    request[0] = 3;
    request.writeUInt16BE(this.#width, 6);
    request.writeUInt16BE(this.#height, 8);
    this.#display.write(Buffer.concat([Buffer.from([...format, ...encodings]), request]));
  }

  /** Resolves with how many pixels it has brought. */
  async #message(rgb: Buffer): Promise<number> {
    const [type] = await this.#read(1);
    if (type === 0) return this.#update(rgb);
    if (type === COLOURS) await this.#skip((await this.#read(5)).readUInt16BE(3) * 6);
    else if (type === TEXT) await this.#skip((await this.#read(7)).readUInt32BE(3));
    else if (type !== BELL) throw new Error(`its screen says what is no RFB (${type})`);
    return 0;
  }

  async #update(rgb: Buffer): Promise<number> {
    let drawn = 0;
    for (let left = (await this.#read(3)).readUInt16BE(1); left > 0; left -= 1) {
      const head = await this.#read(12);
      const [x = 0, y = 0, width = 0, height = 0] = [0, 2, 4, 6].map((at) => head.readUInt16BE(at));
      const inside = x + width <= this.#width && y + height <= this.#height;
      if (head.readInt32BE(8) !== RAW || !inside) throw new Error("its screen draws what was not asked for");
      for (let row = 0; row < height; row += 1)
        drawLine(rgb, (y + row) * this.#width + x, await this.#read(width * 4));
      drawn += width * height;
    }
    return drawn;
  }

  async #skip(bytes: number): Promise<void> {
    if (bytes > MOST_PIXELS) throw new Error("its screen says too much");
    await this.#read(bytes);
  }
}

function drawLine(rgb: Buffer, first: number, line: Buffer): void {
  for (let from = 0, to = first * 3; from < line.length; from += 4, to += 3)
    line.copy(rgb, to, from, from + 3);
}
