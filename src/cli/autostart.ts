/** autostart: the engine, and with it the instances whose policy says so, when the user logs in. */
import { mkdir, readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import type { Command } from "commander";
import { writeFileDurable } from "../base/durable.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { hostPlatform } from "../base/paths.ts";
import { run } from "../base/run.ts";
import { type LoginUnit, loginUnit, UNIT_MARK } from "./login-unit.ts";
import type { Session } from "./session.ts";

export function addAutostartCommands(program: Command, session: Session): void {
  const autostart = program
    .command("autostart")
    .description("Start the engine, and the instances whose policy says so, when you log in");
  autostart
    .command("status", { isDefault: true })
    .description("Tell whether that is so, and for which instances")
    .action(() => status(session));
  autostart
    .command("install")
    .description("Start the engine when you log in")
    .action(() => install(session));
  autostart
    .command("uninstall")
    .description("Do not any more")
    .action(() => uninstall(session));
}

function unit(): LoginUnit {
  const engine = path.join(__dirname, "engine.js");
  const { env, execPath } = process;
  return loginUnit({ platform: hostPlatform(), env, home: homedir(), execPath, engine });
}

async function status(session: Session): Promise<void> {
  const { file, text } = unit();
  const present = await ours(file, "read");
  const state = present === undefined ? "not installed" : present === text ? "installed" : "out of date";
  const { api } = await session.client();
  const chosen = (await api.instances.list()).items.filter(
    (one) => one.autostart !== "off" && one.state !== "deleted",
  );
  session.print(`Engine at login: ${state}${present === undefined ? "" : ` (${file})`}`);
  for (const { name, autostart } of chosen) session.print(`${name}: ${autostart}`);
  if (present === undefined && chosen.length > 0) session.note("berth autostart install makes it so.");
  if (state === "out of date") session.note("berth autostart install renews it.");
}

async function install(session: Session): Promise<void> {
  const { file, text, enable, hint } = unit();
  await ours(file, "install");
  await mkdir(path.dirname(file), { recursive: true });
  await writeFileDurable(file, text, 0o644);
  session.print(`Installed: ${file}`);
  await tell(session, enable);
  if (hint) session.print(hint);
}

async function uninstall(session: Session): Promise<void> {
  const { file, disable } = unit();
  if ((await ours(file, "uninstall")) === undefined) {
    session.print("Nothing is installed.");
    return;
  }
  await tell(session, disable);
  await rm(file, { force: true });
  session.print(`Removed: ${file}`);
}

/** Tells the service manager. Where there is none that answers, the user has to: the file is there all the same. */
async function tell(session: Session, commands: readonly string[][]): Promise<void> {
  for (const argv of commands) {
    try {
      await run(argv, { signal: session.signal });
    } catch (error) {
      session.signal.throwIfAborted();
      session.note(`warning: ${messageOf(error)}`);
      session.note(`Run it yourself: ${argv.join(" ")}`);
    }
  }
}

/** The text of our file; undefined where there is none. Throws `already-exists` for another program's. */
async function ours(file: string, verb: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  if (text.includes(UNIT_MARK)) return text;
  throw new EngineError("already-exists", `cannot ${verb} autostart: ${file} is another program's`, {
    hint: "Move that file away, then try again.",
  });
}
