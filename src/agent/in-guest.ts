/** Commands in a guest with an end: capped outputs, a deadline, and words for what went wrong. */
import { pipeline } from "node:stream/promises";
import type { ExecOpen } from "../api/streams.ts";
import { EngineError } from "../base/errors.ts";
import { plainText } from "../base/plain-text.ts";
import { type Capped, readCapped } from "./capped.ts";
import type { ToolContext } from "./tool.ts";

export type GuestRun = {
  stdout: Capped;
  stderr: Capped;
  code: number | undefined;
  signal: string | undefined;
};

/** Runs to its end. A process that is given up on is ended in the guest. */
export async function runCapped(
  { client, signal }: Pick<ToolContext, "client" | "signal">,
  instance: string,
  open: ExecOpen,
  maxBytes: number,
  input: string | Buffer = "",
): Promise<GuestRun> {
  const child = await (await client()).exec(instance, open, { signal });
  const written = pipeline([input], child.stdin).catch(() => {}); // Its exit says more than a closed input.
  const outputs = Promise.all([readCapped(child.stdout, maxBytes), readCapped(child.stderr, maxBytes)]);
  outputs.catch(() => {});
  const { code, signal: ended } = await child.exited;
  const [stdout, stderr] = await outputs;
  await written;
  return { stdout, stderr, code, signal: ended };
}

/** Runs a small script of ours; its arguments are never part of it. Throws with the guest's own words. */
export async function script(
  context: Pick<ToolContext, "client" | "signal">,
  instance: string,
  doing: string,
  body: string,
  args: readonly string[],
  options: { maxBytes?: number; input?: string | Buffer; okCodes?: readonly number[] } = {},
): Promise<Capped> {
  const argv = ["sh", "-c", body, "sh", ...args];
  const { maxBytes = 2 ** 20, input, okCodes = [0] } = options;
  const { stdout, stderr, code } = await runCapped(context, instance, { argv }, maxBytes, input);
  if (code !== undefined && okCodes.includes(code)) return stdout;
  const words = plainText(Buffer.concat([stderr.head, stderr.tail]).toString("utf8")).trim();
  const said = words.split("\n").slice(-3).join("; ");
  const missing = /no such file|not found|does not exist/i.test(said);
  throw new EngineError(
    missing ? "not-found" : "driver-failed",
    `cannot ${doing}: ${said || "the guest's side ended early"}`,
  );
}
