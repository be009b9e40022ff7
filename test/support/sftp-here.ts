/** OpenSSH's SFTP server on this computer, standing for a guest's. */
import { Duplex, Transform } from "node:stream";
import { startChild } from "../../src/base/run.ts";

const SERVER = "/usr/lib/openssh/sftp-server";

/** Relative paths lie in `directory`, and so do those beneath `at`. It ends with the stream. */
export function sftpHere(directory: string, at?: string): Duplex {
  const child = startChild([SERVER, "-d", directory]);
  child.stderr.resume();
  const requests = at === undefined ? child.stdin : led(at, directory);
  if (requests !== child.stdin) requests.pipe(child.stdin);
  const stream = Duplex.from({ readable: child.stdout, writable: requests });
  stream.once("close", () => child.kill("SIGTERM"));
  return stream;
}

/** Open, lstat, opendir, stat and readlink: a path is their first word. */
const OF_A_PATH = [3, 7, 11, 17, 19];
/** Of the packet's length, its kind and its number. */
const HEAD_BYTES = 9;

function led(from: string, to: string): Transform {
  let left = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      left = Buffer.concat([left, chunk]);
      while (left.length >= 4 && left.length >= 4 + left.readUInt32BE()) {
        const end = 4 + left.readUInt32BE();
        this.push(ledPacket(left.subarray(0, end), from, to));
        left = left.subarray(end);
      }
      done();
    },
  });
}

function ledPacket(packet: Buffer, from: string, to: string): Buffer {
  if (!OF_A_PATH.includes(packet[4] ?? 0)) return packet;
  const end = HEAD_BYTES + 4 + packet.readUInt32BE(HEAD_BYTES);
  const path = packet.toString("utf8", HEAD_BYTES + 4, end);
  if (!path.startsWith(from)) return packet;
  const own = Buffer.from(`${to}${path.slice(from.length)}`);
  const head = Buffer.from(packet.subarray(0, HEAD_BYTES + 4));
  head.writeUInt32BE(own.length, HEAD_BYTES);
  const moved = Buffer.concat([head, own, packet.subarray(end)]);
  moved.writeUInt32BE(moved.length - 4);
  return moved;
}
