/** The way to a host through others (ProxyJump): the user's own ssh makes it, with its own keys and known hosts. */
import { Duplex } from "node:stream";
import type { EngineError } from "../../../base/errors.ts";
import { startChild } from "../../../base/run.ts";
import { type Purpose, placeError } from "./place-error.ts";

/** What ssh is started with: it joins its standard input and output to the host's port. Pure. */
export function jumpCommand(
  hops: string,
  { host, port, configFile }: { host: string; port: number; configFile?: string | undefined },
): string[] {
  const all = hops.split(",");
  const last = all.pop() ?? "";
  return [
    ...["ssh", ...(configFile === undefined ? [] : ["-F", configFile]), "-o", "BatchMode=yes"],
    ...(all.length > 0 ? ["-J", all.join(",")] : []),
    ...["-W", `[${host}]:${port}`, "--", last.startsWith("ssh://") ? last : `ssh://${last}`],
  ];
}

export type Jump = {
  stream: Duplex;
  /** Why no further attempt can succeed, where ssh has said so. */
  refusal(purpose: Purpose): EngineError | undefined;
};

/** The process ends with the stream. */
export function jump(argv: readonly string[]): Jump {
  const child = startChild(argv);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-2000);
  });
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  stream.on("error", () => {}); // Who reads it hears of it.
  stream.once("close", () => child.kill("SIGTERM"));
  const refusal = (purpose: Purpose) => {
    const line = /.*(?:host key verification failed|permission denied).*/i.exec(said)?.[0];
    if (line === undefined) return undefined;
    const hint = `\`ssh ${argv.at(-1)}\` must come in without a question.`;
    return placeError("place-unreachable", purpose, `the host between says: ${line.trim()}`, hint);
  };
  return { stream, refusal };
}
