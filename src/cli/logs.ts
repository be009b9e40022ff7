/** logs: what a container's program prints. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { deferred } from "../base/async.ts";
import { parseDuration } from "../base/units.ts";
import type { RemoteConnection } from "../client/engine-client.ts";
import type { Session } from "./session.ts";

const INTERRUPTED_EXIT = 130;

type LogOptions = { follow?: boolean; since?: number; tail?: number };

export function addLogsCommand(program: Command, session: Session): void {
  program
    .command("logs")
    .description("Show what the program of a container has printed")
    .argument("<name>", "the instance; it may have ended")
    .option("-f, --follow", "and what it prints from now on, until it ends")
    .addOption(
      new Option("--since <when>", "nothing from before: 10m ago, or a date and time").argParser(
        (text: string) => momentOf(text, Date.now()),
      ),
    )
    .addOption(new Option("--tail <lines>", "at most that many lines of what there is").argParser(lineCount))
    .action(async (name: string, { follow = false, since, tail }: LogOptions) => {
      const client = await session.client();
      const open = {
        follow,
        ...(since === undefined ? {} : { sinceMs: since }),
        ...(tail === undefined ? {} : { tail }),
      };
      await show(session, await client.logs(name, open, { signal: session.signal }));
    });
}

/** Until the log's end; Ctrl-C leaves it. */
async function show(session: Session, log: RemoteConnection): Promise<void> {
  const left = deferred<"left">();
  const release = session.takeInterrupts(() => left.resolve("left"));
  log.stdin.end();
  log.stdout.pipe(session.io.stdout, { end: false });
  try {
    const how = await Promise.race([log.exited.then(() => "ended" as const), left.promise]);
    if (how === "left") session.exitCode = INTERRUPTED_EXIT;
  } finally {
    release();
    log.stdout.unpipe(session.io.stdout);
    log.exited.catch(() => {}); // It has been left.
    log.close();
  }
}

/** `10m` before now, or a date and time; in milliseconds since 1970. Pure. */
export function momentOf(text: string, now: number): number {
  const ago = parseDuration(text);
  if (ago !== undefined) return Math.max(0, now - ago);
  // Anything else that a number or a word could be read as is no date that somebody has meant.
  const moment = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(moment)) return moment;
  throw new InvalidArgumentError(`${text} is not a valid time: write 10m, 1h 30m or 2026-11-30T10:00.`);
}

function lineCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`${text} is not a valid number of lines.`);
}
