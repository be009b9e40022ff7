/** What a guest of `cli-engine.ts` says of its sockets. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { Berth } from "./berth.ts";

export type ListeningSocket = { line: string; ss: string };

const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, "0");

/** A program that listens. */
export function socket(port: number, program: string, address = "0.0.0.0"): ListeningSocket {
  return {
    line: `${address === "0.0.0.0" ? "00000000" : "0100007F"}:${hex(port)} 00000000:0000 0A`,
    ss: `tcp LISTEN 0 5 ${address}:${port} 0.0.0.0:* users:(("${program}",pid=7,fd=3))`,
  };
}

/** What the kernel and the ss of a running guest say from now on. */
export async function listening(berth: Berth, name: string, ...sockets: ListeningSocket[]): Promise<void> {
  const guest = path.join(berth.home, "guests", name);
  await writeFile(path.join(guest, "ss"), sockets.map(({ ss }) => ss).join("\n"));
  const lines = sockets.map(
    ({ line }, at) => `   ${at}: ${line} 00000000:00000000 00:00000000 00000000  1000        0 ${at}`,
  );
  await writeFile(path.join(guest, "net"), `${lines.join("\n")}\n`);
}
