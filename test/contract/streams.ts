/** What the contract hears and sees of a guest. */
import type { Duplex, Readable } from "node:stream";
import { abortable, deferred } from "../../src/base/async.ts";
import { RfbViewer } from "../support/rfb-viewer.ts";

/** All that comes. */
export async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** Of a tar, as text; what comes after it is not read. */
export async function firstHeader(tar: Readable | undefined): Promise<string> {
  let head = Buffer.alloc(0);
  for await (const chunk of tar ?? []) {
    head = Buffer.concat([head, chunk as Buffer]);
    if (head.length >= 512) break;
  }
  return head.subarray(0, 512).toString("latin1");
}

/** Resolves when the port has printed this. */
export async function says(port: Duplex, words: string): Promise<void> {
  let printed = "";
  const found = deferred<void>();
  const look = (chunk: Buffer) => {
    printed += chunk.toString("latin1");
    if (printed.includes(words)) found.resolve();
  };
  port.on("data", look);
  try {
    await abortable(found.promise, AbortSignal.timeout(120_000)).catch((cause: unknown) => {
      throw new Error(`it has printed only ${JSON.stringify(printed)}`, { cause });
    });
  } finally {
    port.off("data", look);
  }
}

/** A viewer that has shaken hands with a screen. */
export function view(screen: Duplex): Promise<RfbViewer> {
  return RfbViewer.begin({ stdin: screen, stdout: screen });
}
