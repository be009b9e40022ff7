/**
 * Berth in the user's SSH configuration: what would change, doing it, and taking it out. The user's file is written
 * whole or not at all, through its links, with the mode that it has; OpenSSH itself is asked whether it worked.
 */
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { exists, privateDirectory, replaceFileDurable, writeFileDurable } from "../../base/durable.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { SshFiles } from "../../base/paths.ts";
import { RunError, run } from "../../base/run.ts";
import { whileLocked } from "./file-lock.ts";
import { includeLines, inlineLines, ownConfig, PROBE_HOST, proxyCommand } from "./own-config.ts";
import { type ProxyShim, shimFile, writeProxyShim } from "./proxy-shim.ts";
import { findBlock, withBlock, withoutBlock } from "./user-config.ts";
import { linkTarget } from "./user-file.ts";

export type SetupOptions = {
  files: SshFiles;
  /** The user's own configuration, as ssh is told of it. */
  userConfig: string;
  shim: ProxyShim;
  platform: NodeJS.Platform;
  signal: AbortSignal;
  /** The program; `ssh` when left out. */
  ssh?: string | undefined;
};

/** What `install` would do to the user's file. */
export type SetupPlan = {
  /** Through its links: what would be written. */
  target: string;
  /** As latin-1; undefined where there is no file. */
  before: string | undefined;
  after: string;
  /** Whether it has to be written at all. */
  changes: boolean;
  /** The block that is there, agreed to, is one without Include: hosts in it change with the instances. */
  inline: boolean;
};

/** A question to ssh about its configuration takes milliseconds; a `Match exec` of the user's may take longer. */
const ASK_MS = 20_000;

/** Changes nothing. Rejects where the file cannot be changed: read-only, not text, damaged markers. */
export async function planSetup(options: SetupOptions): Promise<SetupPlan> {
  const target = await linkTarget(options.userConfig);
  const before = await readUserFile(target);
  const present = before === undefined ? undefined : findBlock(before, options.userConfig);
  const inline = present !== undefined && !present.lines.some((line) => line.startsWith("Include "));
  const lines = inline ? await inlineBlock(options) : includeLines(options.files);
  const after = withBlock(before, lines, options.userConfig);
  const changes = after !== before;
  if (changes && before !== undefined) await refuseReadOnly(target, options.userConfig);
  return { target, before, after, changes, inline };
}

/**
 * Carries the plan out. Rejects, with the file as it was, where ssh does not take up what was written. Resolves with
 * how it was done: inline where this ssh honours no `Include`.
 */
export async function install(options: SetupOptions, plan: SetupPlan): Promise<"include" | "inline"> {
  await writeOwnFiles(options);
  return whileLocked(`${plan.target}.berth-lock`, options.signal, async () => {
    if ((await readUserFile(plan.target)) !== plan.before) throw changedMeanwhile(options.userConfig);
    if (plan.changes) {
      if (plan.before !== undefined) {
        await askSsh(options); // One that ssh cannot read is not ours to make worse.
        await backUp(plan.target, plan.before);
      }
      await writeUserFile(plan.target, plan.after);
    }
    try {
      if (await isTakenUp(options)) return plan.inline ? "inline" : "include";
      await writeUserFile(
        plan.target,
        withBlock(plan.before, await inlineBlock(options), options.userConfig),
      );
      if (await isTakenUp(options)) return "inline";
      throw new EngineError("not-supported", `cannot set up SSH: ssh does not follow ${options.userConfig}`, {
        hint: `Ask it yourself: ssh -F ${options.userConfig} -G ${PROBE_HOST}`,
      });
    } catch (error) {
      if (plan.changes) await putBack(plan);
      throw error;
    }
  });
}

/** Takes Berth out of the user's file, byte for byte, and removes what it included. Resolves with whether it was in. */
export async function remove(options: Omit<SetupOptions, "shim">): Promise<boolean> {
  const target = await linkTarget(options.userConfig);
  const removed =
    (await exists(target)) &&
    (await whileLocked(`${target}.berth-lock`, options.signal, async () => {
      const before = await readUserFile(target);
      if (before === undefined || !findBlock(before, options.userConfig)) return false;
      await refuseReadOnly(target, options.userConfig);
      const after = withoutBlock(before, options.userConfig);
      if (after === undefined) await rm(target);
      else {
        await writeUserFile(target, after);
        if ((await readUserFile(backupOf(target))) === after) await rm(backupOf(target), { force: true });
      }
      return true;
    }));
  await rm(options.files.config, { force: true });
  await rm(options.files.bin, { recursive: true, force: true });
  return removed;
}

/** Our own files are ours to write, and are kept current where the user has agreed to them. */
export async function refresh(options: Pick<SetupOptions, "files" | "shim" | "platform">): Promise<void> {
  if (await exists(options.files.config)) await writeOwnFiles(options);
}

async function writeOwnFiles({
  files,
  shim,
  platform,
}: Pick<SetupOptions, "files" | "shim" | "platform">): Promise<void> {
  await privateDirectory(path.dirname(files.config));
  await writeProxyShim(files.bin, shim, platform);
  const text = ownConfig(files, shimFile(files.bin, platform), platform);
  const present = await readFile(files.config, "utf8").catch(() => undefined);
  if (present !== text) await writeFileDurable(files.config, text, 0o600);
}

async function inlineBlock({ files, platform }: SetupOptions): Promise<string[]> {
  const hosts = await readFile(files.hosts, "utf8").catch(() => "");
  return inlineLines(files, shimFile(files.bin, platform), platform, hosts);
}

/** Whether ssh would reach our hosts through our command, and keep to the keys that we know. */
async function isTakenUp(options: SetupOptions): Promise<boolean> {
  const answer = await askSsh(options);
  const wanted = proxyCommand(shimFile(options.files.bin, options.platform), options.platform);
  return answer.split(/\r?\n/).includes(`proxycommand ${wanted}`);
}

async function askSsh({ userConfig, ssh = "ssh", signal }: SetupOptions): Promise<string> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]);
  try {
    const { stdout } = await run([ssh, "-F", userConfig, "-G", PROBE_HOST], { signal: limited });
    return stdout;
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    const reason = error.stderr.trim().split("\n").slice(0, 3).join("; ") || messageOf(error);
    throw new EngineError("wrong-state", `cannot set up SSH: ssh cannot read its configuration: ${reason}`, {
      hint: `Correct ${userConfig}, then try again.`,
      cause: error,
    });
  }
}

async function readUserFile(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "latin1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new EngineError("permission-denied", `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}

async function writeUserFile(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await replaceFileDurable(file, Buffer.from(text, "latin1"));
}

async function putBack({ target, before }: SetupPlan): Promise<void> {
  if (before === undefined) await rm(target, { force: true });
  else await writeUserFile(target, before);
}

const backupOf = (file: string) => `${file}.before-berth`;

/** As it was before Berth was ever in it; a later one is not kept. */
async function backUp(file: string, text: string): Promise<void> {
  if (!(await exists(backupOf(file)))) await writeFileDurable(backupOf(file), Buffer.from(text, "latin1"));
}

/** A file that its owner may not write is meant to stay as it is, even where a rename would get around that. */
async function refuseReadOnly(target: string, file: string): Promise<void> {
  if (((await stat(target)).mode & 0o200) !== 0) return;
  throw new EngineError("permission-denied", `cannot change ${file}: it is read-only`, {
    hint: "Make it writable; or, where another program generates it, include Berth's file there.",
  });
}

function changedMeanwhile(file: string): EngineError {
  return new EngineError("busy", `cannot change ${file}: another program has just changed it`, {
    hint: "Try again.",
  });
}
