/** SFTP servers that are no processes: what they are asked is answered here, one request after another, in their order. */
import { type Duplex, duplexPair } from "node:stream";
import { happens } from "../../../base/async.ts";
import { packetsIn } from "../../../base/sftp-packets.ts";
import type { Answer } from "./answers.ts";

export interface SftpSession {
  /** Rejects where that is none of SFTP's. */
  answer(packet: Buffer): Promise<Answer>;
  /** Nobody asks any more. */
  end(): void;
}

/** The caller owns the stream, which speaks SFTP. `life` ends with it. */
export function sftpStream(session: SftpSession, life: AbortController): Duplex {
  const [ours, theirs] = duplexPair();
  ours.on("error", () => {}); // Whoever has the other end sees it.
  theirs.once("close", () => ours.destroy());
  ours.once("close", () => {
    life.abort();
    theirs.destroy();
  });
  void serve(ours, session).finally(() => {
    session.end();
    ours.destroy();
  });
  return theirs;
}

/** Until its client hangs up, or speaks something else. */
async function serve(stream: Duplex, session: SftpSession): Promise<void> {
  try {
    for await (const packet of packetsIn(stream as AsyncIterable<Buffer>)) {
      const answer = await session.answer(packet);
      if (!stream.writable) return;
      if (!stream.write(answer)) await happens(stream, ["drain", "close"]);
    }
  } catch {
    // The connection has ended, or was none of SFTP's.
  }
}
