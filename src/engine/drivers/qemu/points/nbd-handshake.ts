/** How a client of an NBD server comes to the disk that it wants: from the greeting to where requests may be sent. */
import type net from "node:net";
import type { Take } from "../../../../base/read-exactly.ts";
import {
  broken,
  checkGreeting,
  clientFlags,
  exportSize,
  GREETING_BYTES,
  goData,
  metaContext,
  metaContextData,
  OPTION_REPLY_BYTES,
  Option,
  OptionReply,
  option,
  optionReply,
} from "./nbd-wire.ts";

/** `size` in bytes; by `contexts` what the server tells of extents is told apart. */
export type Agreed = { size: number; contexts: Map<number, string> };

/** Throws where the server refuses, or cannot tell all that is wanted. */
export async function agree(
  socket: net.Socket,
  take: Take,
  exportName: string,
  wanted: readonly string[],
): Promise<Agreed> {
  checkGreeting(await take(GREETING_BYTES));
  socket.write(clientFlags());
  socket.write(option(Option.structuredReplies));
  await replies(take, Option.structuredReplies, () => {});
  const contexts = new Map<number, string>();
  if (wanted.length > 0) {
    socket.write(option(Option.setMetaContext, metaContextData(exportName, wanted)));
    await replies(take, Option.setMetaContext, (type, body) => {
      if (type !== OptionReply.metaContext) return;
      const { id, name } = metaContext(body);
      if (wanted.includes(name)) contexts.set(id, name);
    });
  }
  const known = new Set(contexts.values());
  const lacking = wanted.find((name) => !known.has(name));
  if (lacking !== undefined) throw broken(`it cannot tell of ${lacking}`);
  socket.write(option(Option.go, goData(exportName)));
  let size: number | undefined;
  await replies(take, Option.go, (type, body) => {
    if (type === OptionReply.info) size = exportSize(body) ?? size;
  });
  if (size === undefined) throw broken("it does not tell the disk's size");
  return { size, contexts };
}

/** More of them than there could be sense in. */
const MAX_REPLIES = 1_000;

/** Tells each that comes before the acknowledgement. Throws where the server refuses. */
async function replies(take: Take, asked: number, told: (type: number, body: Buffer) => void): Promise<void> {
  for (let count = 0; count < MAX_REPLIES; count += 1) {
    const { type, length } = optionReply(await take(OPTION_REPLY_BYTES), asked);
    const body = await take(length);
    if (type === OptionReply.acknowledged) return;
    if (type >= 2 ** 31) throw broken(body.toString("utf8").slice(0, 500) || "it does not know that disk");
    told(type, body);
  }
  throw broken("its replies have no end");
}
