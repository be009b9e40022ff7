/** session: terminals that the engine keeps in guests while nobody shows them. */
import type { Command } from "commander";
import { SESSION_KEEP_SECONDS } from "../api/limits.ts";
import type { GuestSession } from "../api/session.ts";
import { EngineError } from "../base/errors.ts";
import { exitCodeOf } from "../base/exit-code.ts";
import { formatDuration } from "../base/units.ts";
import { terminal } from "./attach.ts";
import { json, table } from "./format.ts";
import { join } from "./joined.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";

type Kept = GuestSession & { instance: string };

/** What is shown of an id; enough to name it by. */
const SHORT_ID = 8;
const KEEP_TEXT = `${SESSION_KEEP_SECONDS / 60} minutes`;

export function addSessionCommands(program: Command, session: Session): void {
  const sessions = program.command("session").description("Join shells that go on while nobody shows them");
  formatOption(
    sessions
      .command("list", { isDefault: true })
      .alias("ls")
      .description("List shells that are kept in instances")
      .argument("[name]", "of this instance only"),
  ).action(async (name: string | undefined, { format }: { format: "table" | "json" }) => {
    const kept = await keptIn(session, name);
    if (format === "json") session.print(json({ sessions: kept }));
    else session.print(kept.length === 0 ? "No shells are kept." : sessionsTable(kept, new Date()));
  });
  sessions
    .command("attach")
    .description("Show a shell on this terminal, with the end of what it has shown")
    .argument("<name>", "the instance")
    .argument("[id]", "of session list, or its beginning; may be left out where there is one alone")
    .addHelpText(
      "after",
      `\nCtrl-] leaves: the shell goes on for ${KEEP_TEXT}, as it does when a terminal is lost.`,
    )
    .action((name: string, id: string | undefined) => attach(session, name, id));
  sessions
    .command("end")
    .description("End shells, and what runs in them")
    .argument("<name>", "the instance")
    .argument("[id...]", "of session list, or its beginning")
    .option("--all", "all of the instance")
    .action((name: string, ids: string[], { all = false }: { all?: boolean }) =>
      end(session, name, ids, all),
    );
}

async function keptIn(session: Session, name?: string): Promise<Kept[]> {
  const { api } = await session.client();
  const running = async () => (await api.instances.list()).items.filter(({ state }) => state === "running");
  const names = name === undefined ? (await running()).map((one) => one.name) : [name];
  const lists = await Promise.all(
    names.map(async (instance) =>
      (await api.sessions.list({ name: instance })).items.map((one) => ({ instance, ...one })),
    ),
  );
  return lists.flat();
}

async function attach(session: Session, name: string, given: string | undefined): Promise<void> {
  const id = chosen(await keptIn(session, name), name, given);
  const client = await session.client();
  const shell = await client.exec(name, { session: { id, resume: true } }, { signal: session.signal });
  const { stdin, stdout } = session.io;
  if (stdin.isTTY) session.note(`Connected to a shell in ${name}. Ctrl-] leaves.`);
  const resize = () => {
    const { tty } = terminal(session.io);
    if (tty && stdout.isTTY) shell.resize(tty);
  };
  resize();
  stdout.on("resize", resize);
  try {
    if ((await join(session, shell)) === "ended") session.exitCode = exitCodeOf(await shell.exited);
    else
      session.note(
        `The shell goes on for ${KEEP_TEXT}: berth session attach ${name} ${id.slice(0, SHORT_ID)}`,
      );
  } finally {
    stdout.off("resize", resize);
  }
}

async function end(session: Session, name: string, given: readonly string[], all: boolean): Promise<void> {
  if (all === given.length > 0)
    throw new EngineError("invalid-argument", "name the shells to end, or say --all");
  const kept = await keptIn(session, name);
  const ids = all ? kept.map(({ id }) => id) : given.map((one) => chosen(kept, name, one));
  const { api } = await session.client();
  for (const id of ids) await api.sessions.end({ name, id });
}

/** The id that is meant. Throws where there is none, or more than one. Pure. */
export function chosen(kept: readonly Pick<Kept, "id">[], name: string, given?: string): string {
  const found = kept.filter(({ id }) => given === undefined || id.startsWith(given.toLowerCase()));
  const [first, ...others] = found;
  const what = given === undefined ? "" : ` ${given}`;
  if (!first) {
    throw new EngineError("not-found", `cannot find a shell${what} that is kept in ${name}`, {
      hint: "berth session list shows them all; berth shell opens another one.",
    });
  }
  if (others.length === 0) return first.id;
  throw new EngineError("invalid-argument", `more than one shell${what} is kept in ${name}`, {
    hint: `Name one of them: ${found.map(({ id }) => id.slice(0, SHORT_ID)).join(", ")}`,
  });
}

/** Pure. */
export function sessionsTable(kept: readonly Kept[], now: Date): string {
  const since = (time: string) => formatDuration(Math.max(0, now.getTime() - Date.parse(time)));
  const rows = kept.map(({ id, instance, argv, startedAt, detachedAt }) => [
    ...[instance, id.slice(0, SHORT_ID), argv?.join(" ") ?? "login shell", since(startedAt)],
    detachedAt === undefined ? "yes" : `not for ${since(detachedAt)}`,
  ]);
  return table(["Instance", "Session", "Program", "Age", "Shown"], rows);
}
