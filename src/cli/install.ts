/** Puts `berth` on the user's PATH, and takes it away: a small script that runs this file with this Node. */
import { mkdir, readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import type { Command } from "commander";
import { exists, writeFileDurable } from "../base/durable.ts";
import { EngineError } from "../base/errors.ts";
import { hostPlatform } from "../base/paths.ts";
import { which } from "../base/run.ts";
import { SHIM_MARK, shimScripts } from "../client/shim.ts";
import type { Session } from "./session.ts";

export type ShimPlace = { directory: string; file: string };

/** Where the script goes for this user. Pure. */
export function shimPlace(
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
  home: string,
  name: "berth" | "multipass" = "berth",
): ShimPlace {
  if (platform === "win32") {
    const directory = path.win32.join(
      env["LOCALAPPDATA"] || path.win32.join(home, "AppData", "Local"),
      "berth",
      "bin",
    );
    return { directory, file: path.win32.join(directory, `${name}.cmd`) };
  }
  const directory = path.posix.join(home, ".local", "bin");
  return { directory, file: path.posix.join(directory, name) };
}

export function addInstallCommands(program: Command, session: Session): void {
  program
    .command("install")
    .description("Put the command berth on your PATH")
    .action(() => install(session, "berth"));
  program
    .command("uninstall")
    .description("Take the command berth off your PATH")
    .action(() => uninstall(session, "berth"));

  const compat = program.command("compat").description("Answer under the name multipass as well");
  compat
    .command("install")
    .description("Put a command multipass on your PATH that is Berth")
    .option("--force", "even where a real Multipass is installed, which it then stands before")
    .action(async ({ force }: { force?: boolean }) => {
      if (!force) await refuseRealMultipass();
      await install(session, "multipass");
    });
  compat
    .command("uninstall")
    .description("Take that command multipass off your PATH")
    .action(() => uninstall(session, "multipass"));
}

type Name = "berth" | "multipass";

const placeOf = (name: Name) => shimPlace(hostPlatform(), process.env, homedir(), name);

async function install(session: Session, name: Name): Promise<void> {
  const { directory, file } = placeOf(name);
  await refuseForeign(file, "install", name);
  await mkdir(directory, { recursive: true });
  const scripts = shimScripts({ execPath: process.execPath, cli: __filename, name });
  await writeFileDurable(file, scripts[path.basename(file)] ?? "", 0o755);
  session.print(`Installed: ${file}`);
  const folders = (process.env["PATH"] ?? "").split(path.delimiter);
  if (!folders.includes(directory))
    session.print(`${directory} is not on your PATH: add it to your shell's profile.`);
}

async function uninstall(session: Session, name: Name): Promise<void> {
  const { file } = placeOf(name);
  await refuseForeign(file, "uninstall", name);
  await rm(file, { force: true });
  session.print(`Removed: ${file}`);
}

/** Standing before a real Multipass would hide the instances that it has. */
async function refuseRealMultipass(): Promise<void> {
  const found = await which("multipass");
  if (found === undefined || (await isOurs(found))) return;
  throw new EngineError("already-exists", `cannot install multipass: ${found} is a real Multipass`, {
    hint: "Its instances would be out of sight. If that is what you want: berth compat install --force",
  });
}

async function isOurs(file: string): Promise<boolean> {
  try {
    return (await readFile(file, "utf8")).includes(SHIM_MARK);
  } catch {
    return false;
  }
}

async function refuseForeign(file: string, verb: string, name: Name): Promise<void> {
  if (!(await exists(file)) || (await isOurs(file))) return;
  throw new EngineError("already-exists", `cannot ${verb} ${name}: ${file} is another program's`, {
    hint: "Move that file away, then try again.",
  });
}
