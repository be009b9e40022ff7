/** Puts `berth` on the user's PATH, and takes it away: a small script that runs this file with this Node. */
import { mkdir, readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import type { Command } from "commander";
import { writeFileDurable } from "../base/durable.ts";
import { EngineError } from "../base/errors.ts";
import { hostPlatform } from "../base/paths.ts";
import { SHIM_MARK, shimScripts } from "../client/shim.ts";
import type { Session } from "./session.ts";

export type ShimPlace = { directory: string; file: string };

/** Where the script goes for this user. Pure. */
export function shimPlace(
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): ShimPlace {
  if (platform === "win32") {
    const directory = path.win32.join(
      env["LOCALAPPDATA"] || path.win32.join(home, "AppData", "Local"),
      "berth",
      "bin",
    );
    return { directory, file: path.win32.join(directory, "berth.cmd") };
  }
  const directory = path.posix.join(home, ".local", "bin");
  return { directory, file: path.posix.join(directory, "berth") };
}

export function addInstallCommands(program: Command, session: Session): void {
  const place = () => shimPlace(hostPlatform(), process.env, homedir());
  program
    .command("install")
    .description("Put the command berth on your PATH")
    .action(async () => {
      const { directory, file } = place();
      await refuseForeign(file, "install");
      await mkdir(directory, { recursive: true });
      const scripts = shimScripts({ execPath: process.execPath, cli: __filename });
      await writeFileDurable(file, scripts[path.basename(file)] ?? "", 0o755);
      session.print(`Installed: ${file}`);
      const folders = (process.env["PATH"] ?? "").split(path.delimiter);
      if (!folders.includes(directory))
        session.print(`${directory} is not on your PATH: add it to your shell's profile.`);
    });
  program
    .command("uninstall")
    .description("Take the command berth off your PATH")
    .action(async () => {
      const { file } = place();
      await refuseForeign(file, "uninstall");
      await rm(file, { force: true });
      session.print(`Removed: ${file}`);
    });
}

async function refuseForeign(file: string, verb: string): Promise<void> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (text.includes(SHIM_MARK)) return;
  throw new EngineError("already-exists", `cannot ${verb} berth: ${file} is another program's`, {
    hint: "Move that file away, then try again.",
  });
}
