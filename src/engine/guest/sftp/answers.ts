/** Answers of the SFTP server that need nothing but what they say. Pure, but for `done`. */
import type { StatsFs } from "node:fs";
import {
  type Attributes,
  PACKET,
  PacketWriter,
  STATUS,
  writeAttributes,
} from "../../../base/sftp-packets.ts";

/** A whole packet. */
export type Answer = Buffer;

const VERSION = 3;

/** Beyond version 3: names and versions. */
type Extensions = readonly (readonly [string, string])[];

const EXTENSIONS: Extensions = [
  ["posix-rename@openssh.com", "1"],
  ["hardlink@openssh.com", "1"],
  ["fsync@openssh.com", "1"],
  ["statvfs@openssh.com", "2"],
  ["fstatvfs@openssh.com", "2"],
];

/** Left out, what a server can do that has a directory of this host. */
export function hello(extensions: Extensions = EXTENSIONS): Answer {
  const writer = new PacketWriter(PACKET.version).uint32(VERSION);
  for (const [name, version] of extensions) writer.text(name).text(version);
  return writer.packet();
}

/** With words, where there are some. */
export function status(id: number, code: number, words = ""): Answer {
  return new PacketWriter(PACKET.status).uint32(id).uint32(code).text(words).text("").packet();
}

export function factsAnswer(id: number, facts: Attributes): Answer {
  return writeAttributes(new PacketWriter(PACKET.attrs).uint32(id), facts).packet();
}

export async function done(id: number, work: Promise<unknown>): Promise<Answer> {
  await work;
  return status(id, STATUS.ok);
}

/** One name, with attributes that nobody reads. */
export function named(id: number, name: string): Answer {
  return new PacketWriter(PACKET.name).uint32(id).uint32(1).text(name).text(name).uint32(0).packet();
}

/** What is in a directory, or some of it. */
export function entriesAnswer(id: number, entries: readonly { name: string; facts: Attributes }[]): Answer {
  if (entries.length === 0) return status(id, STATUS.eof);
  const writer = new PacketWriter(PACKET.name).uint32(id).uint32(entries.length);
  for (const { name, facts } of entries) writeAttributes(writer.text(name).text(name), facts);
  return writer.packet();
}

/** Never more than 255 bytes in a name, on any of the file systems in use. */
const LONGEST_NAME = 255;

export function space(id: number, { bsize, blocks, bfree, bavail, files, ffree }: StatsFs): Answer {
  const writer = new PacketWriter(PACKET.extendedReply).uint32(id);
  for (const value of [bsize, bsize, blocks, bfree, bavail, files, ffree, ffree, 0, 0, LONGEST_NAME]) {
    writer.uint64(value);
  }
  return writer.packet();
}

/** What the protocol has for an error of the system. */
export function statusOf(error: unknown): number {
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOENT":
    case "ENOTDIR":
    case "ELOOP":
      return STATUS.noSuchFile;
    case "EACCES":
    case "EPERM":
      return STATUS.permissionDenied;
    case "ENOSYS":
    case "ENOTSUP":
    case "EOPNOTSUPP":
      return STATUS.unsupported;
    default:
      return STATUS.failure;
  }
}
