/** stats: what running instances use, again and again or once. */
import type { Command } from "commander";
import type { Metrics } from "../api/metrics.ts";
import { EngineError } from "../base/errors.ts";
import { STATS_HEADER, statsRow } from "./container-formats.ts";
import { json, table } from "./format.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";

type StatsOptions = { stream: boolean; format: "table" | "json" };

/** Where the cursor began, and nothing below it. */
const REWRITE = "\x1b[H\x1b[J";

export function addStatsCommand(program: Command, session: Session): void {
  formatOption(
    program
      .command("stats")
      .description("Show what running instances use")
      .argument("[names...]", "the instances; all that run when none is named")
      .option("--no-stream", "once, and no more"),
  ).action(async (names: string[], options: StatsOptions) => {
    const { api } = await session.client();
    const running = (await api.instances.list()).items.filter(({ state }) => state === "running");
    const chosen = names.length > 0 ? [...new Set(names)] : running.map(({ name }) => name);
    if (chosen.length === 0) return session.print("No instances run.");
    await watch(session, chosen, options);
  });
}

/** Prints what is known of all whenever something new is; ends with the last of them, or at Ctrl-C. */
async function watch(
  session: Session,
  names: readonly string[],
  { stream, format }: StatsOptions,
): Promise<void> {
  const client = await session.client();
  const known = new Map<string, Metrics>();
  const print = () => {
    const all = names.flatMap((name) => {
      const metrics = known.get(name);
      return metrics ? [{ name, ...metrics }] : [];
    });
    if (format === "json") return session.print(json({ stats: all }));
    const rewrite = stream && session.io.stdout.isTTY ? REWRITE : "";
    session.print(
      `${rewrite}${table(
        STATS_HEADER,
        all.map(({ name, ...one }) => statsRow(name, one)),
      )}`,
    );
  };
  const follow = async (name: string) => {
    const ending = new AbortController();
    const signal = AbortSignal.any([ending.signal, session.signal]);
    let count = 0;
    for await (const metrics of await client.api.instances.metrics({ name }, { signal })) {
      known.set(name, metrics);
      count += 1;
      if (stream) print();
      // The first one has no rates.
      else if (count === 2) break;
    }
    ending.abort();
    if (stream) known.delete(name);
  };
  const ends = await Promise.allSettled(names.map(follow));
  if (!stream) print();
  if (session.signal.aborted) return;
  const failed = ends.find((one) => one.status === "rejected");
  if (failed) throw failed.reason instanceof EngineError ? failed.reason : new Error(String(failed.reason));
}
