/** The end of a file that may be large. */
import { open } from "node:fs/promises";
import { EngineError } from "../base/errors.ts";

/** The most that is read: the log's lines are short. */
const MAX_BYTES = 4 * 2 ** 20;

/** Its last lines, whole ones. `not-found` where there is no such file. */
export async function tail(file: string, lines: number): Promise<string> {
  const handle = await open(file, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    throw new EngineError("not-found", `cannot read ${file}: it is not there`, {
      hint: "It is written when the engine first starts.",
    });
  });
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - MAX_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), { position: start });
    return lastLines(buffer.toString("utf8", 0, bytesRead), lines);
  } finally {
    await handle.close();
  }
}

/** Pure. A last line without its end counts. */
export function lastLines(text: string, count: number): string {
  return text.replace(/\n$/, "").split("\n").slice(-count).join("\n");
}
