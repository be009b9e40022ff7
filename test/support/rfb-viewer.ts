/** A viewer of RFB 3.8 over a pair of streams, as far as tests need one: it asks for raw pixels of four bytes. */
import type { Readable, Writable } from "node:stream";
import { exactly } from "../../src/base/read-exactly.ts";

export type Picture = { name: string; width: number; height: number; pixels: Buffer };

export class RfbViewer {
  readonly #out: Writable;
  readonly #read: (bytes: number) => Promise<Buffer>;
  name = "";
  width = 0;
  height = 0;

  private constructor(streams: { stdin: Writable; stdout: Readable }) {
    this.#out = streams.stdin;
    this.#read = exactly(streams.stdout);
  }

  /** Shakes hands; resolves when the server has told its name and size. */
  static async begin(streams: { stdin: Writable; stdout: Readable }): Promise<RfbViewer> {
    const viewer = new RfbViewer(streams);
    await viewer.#handshake();
    return viewer;
  }

  async #handshake(): Promise<void> {
    const version = (await this.#read(12)).toString("latin1");
    if (!/^RFB 003\.00\d\n$/.test(version)) throw new Error(`no RFB server: ${JSON.stringify(version)}`);
    this.#out.write("RFB 003.008\n");
    const [count = 0] = await this.#read(1);
    const kinds = await this.#read(count);
    if (!kinds.includes(1)) throw new Error(`the server wants security: ${[...kinds]}`);
    this.#out.write(Buffer.from([1]));
    const result = await this.#read(4);
    if (result.readUInt32BE() !== 0) throw new Error("the server refused");
    this.#out.write(Buffer.from([1]));
    const init = await this.#read(24);
    this.width = init.readUInt16BE(0);
    this.height = init.readUInt16BE(2);
    this.name = (await this.#read(init.readUInt32BE(20))).toString("utf8");
    const format = Buffer.from("0000000020180001 00ff00ff00ff 100800 000000".replaceAll(" ", ""), "hex");
    this.#out.write(format);
    this.#out.write(Buffer.from([2, 0, 0, 1, 0, 0, 0, 0]));
  }

  key(keysym: number, down: boolean): void {
    const message = Buffer.alloc(8);
    message[0] = 4;
    message[1] = down ? 1 : 0;
    message.writeUInt32BE(keysym, 4);
    this.#out.write(message);
  }

  /** The whole screen, each pixel as 0xRRGGBB in four bytes of the little end. */
  async picture(): Promise<Picture> {
    const { width, height, name } = this;
    const ask = Buffer.alloc(10);
    ask[0] = 3;
    ask.writeUInt16BE(width, 6);
    ask.writeUInt16BE(height, 8);
    this.#out.write(ask);
    const pixels = Buffer.alloc(width * height * 4);
    let missing = width * height;
    while (missing > 0) missing -= await this.#update(pixels);
    return { name, width, height, pixels };
  }

  /** Resolves when the server says nothing more. */
  async end(): Promise<void> {
    for (;;) if (!(await this.#read(1).catch(() => undefined))) return;
  }

  /** Draws what one message brings; resolves with how many pixels those were. */
  async #update(pixels: Buffer): Promise<number> {
    const [type] = await this.#read(1);
    if (type !== 0) throw new Error(`the server sent a message of type ${type}`);
    let drawn = 0;
    for (let left = (await this.#read(3)).readUInt16BE(1); left > 0; left -= 1) {
      const head = await this.#read(12);
      const [x = 0, y = 0, width = 0, height = 0] = [0, 2, 4, 6].map((at) => head.readUInt16BE(at));
      if (head.readInt32BE(8) !== 0) throw new Error("the server sent no raw pixels");
      const data = await this.#read(width * height * 4);
      for (let row = 0; row < height; row += 1)
        data.copy(pixels, ((y + row) * this.width + x) * 4, row * width * 4, (row + 1) * width * 4);
      drawn += width * height;
    }
    return drawn;
  }
}

export function pixelAt({ pixels, width }: Picture, x: number, y: number): number {
  return pixels.readUInt32LE((y * width + x) * 4) & 0xffffff;
}
