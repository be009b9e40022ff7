/** OpenSSH's SFTP server on this computer, standing for a guest's. */
import { Duplex } from "node:stream";
import { startChild } from "../../src/base/run.ts";

const SERVER = "/usr/lib/openssh/sftp-server";

/** Relative paths lie in `directory`. It ends with the stream. */
export function sftpHere(directory: string): Duplex {
  const child = startChild([SERVER, "-d", directory]);
  child.stderr.resume();
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  stream.once("close", () => child.kill("SIGTERM"));
  return stream;
}
