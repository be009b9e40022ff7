/** Names of files as bytes, each standing in a string as one character, and as they are in a backup. Pure. */
import { bytesOfName, nameOfBytes } from "../repository/go-text.ts";

export function nameOf(bytes: string): string {
  return nameOfBytes(Buffer.from(bytes, "latin1"));
}

export function bytesOf(name: string): string {
  return Buffer.from(bytesOfName(name)).toString("latin1");
}
