/** SFTP servers that say what a test wants them to. */
import { PassThrough } from "node:stream";
import { deferred } from "../../src/base/async.ts";
import { PACKET, PacketReader, PacketWriter, packetsIn } from "../../src/base/sftp-packets.ts";
import type { RemoteConnection } from "../../src/client/engine-client.ts";

/** Answers every request but the greeting with what `answer` makes of its number. */
export function played(answer: (id: number) => Buffer | undefined): RemoteConnection {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const exited = deferred<{ code: number }>();
  const serve = async () => {
    for await (const packet of packetsIn(stdin)) {
      const reader = new PacketReader(packet);
      const greeting = reader.byte() === PACKET.init;
      const said = greeting ? new PacketWriter(PACKET.version).uint32(3).packet() : answer(reader.uint32());
      if (said) stdout.write(said);
      else close();
    }
  };
  const close = () => {
    stdin.end();
    stdout.end();
    exited.resolve({ code: 0 });
  };
  void serve();
  return { stdin, stdout, exited: exited.promise, close };
}

/** Refuses everything so. */
export const status = (code: number, words: string) => (id: number) =>
  new PacketWriter(PACKET.status).uint32(id).uint32(code).text(words).text("").packet();
