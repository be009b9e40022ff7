/** What a container has printed, as its runtime keeps it. */
import type { Readable } from "node:stream";
import type { Ctx } from "../../ctx.ts";
import type { LogRequest } from "../driver.ts";
import type { RuntimeApi } from "./api.ts";
import { bothOutputs } from "./frames.ts";

/** What is read of how it was made. A terminal has one output, which comes without heads. */
export type Printing = { Id: string; Config: { Tty?: boolean } };

/** Both its outputs in the order they came. The caller owns the stream; `name` is for messages. */
export async function logsOf(
  ctx: Pick<Ctx, "signal">,
  api: RuntimeApi,
  { Id, Config }: Printing,
  name: string,
  { follow = false, sinceMs, tail }: LogRequest,
): Promise<Readable> {
  const query = {
    ...{ stdout: "true", stderr: "true", follow: String(follow) },
    since: sinceMs === undefined ? undefined : String(sinceMs / 1000),
    tail: tail === undefined ? undefined : String(tail),
  };
  const doing = `read the log of ${name}`;
  const answer = await api.stream(ctx, "GET", `/containers/${Id}/logs`, { doing, query });
  return Config.Tty ? answer : bothOutputs(answer);
}
