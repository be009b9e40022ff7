/** A task of the type `berth`: what is written in `tasks.json`, and what that means for the guest. Pure. */
import path from "node:path";
import type { Instance } from "../api/instance.ts";
import type { ExecOpen } from "../api/streams.ts";
import { EngineError } from "../base/errors.ts";
import { directoryIn } from "../base/mount-text.ts";

export const TASK_TYPE = "berth";

/** As the manifest's schema has it. What a person wrote is not what its type says until it was read. */
export type TaskWords = {
  readonly type: string;
  readonly instance?: unknown;
  readonly command?: unknown;
  readonly args?: unknown;
  readonly shell?: unknown;
  readonly cwd?: unknown;
  readonly env?: unknown;
  readonly start?: unknown;
};

export type GuestTask = {
  /** Undefined: the instance that has the folder, else the primary one. */
  instance: string | undefined;
  argv: string[];
  cwd: string | undefined;
  env: Record<string, string> | undefined;
  /** Whether a stopped instance is started for it. */
  start: boolean;
};

/** The workspace folder of a task, on this host; as it is named, and without links. */
export type HostFolder = { readonly path: string; readonly real: string };

/** Throws `invalid-argument`, naming the property that is wrong. */
export function readTask(words: TaskWords): GuestTask {
  const { start = true } = words;
  if (typeof start !== "boolean") throw bad("start", "true or false is needed");
  return {
    instance: text(words.instance, "instance"),
    argv: argvOf(words),
    cwd: text(words.cwd, "cwd"),
    env: environment(words.env),
    start,
  };
}

/** By the user's own login shell, so that what its profile puts on the PATH is found. */
const IN_LOGIN_SHELL = 'exec "$' + '{SHELL:-/bin/sh}" -l -c "$0"';

function argvOf(words: TaskWords): string[] {
  const [command, shell] = [text(words.command, "command"), text(words.shell, "shell")];
  const { args = [] } = words;
  if (!Array.isArray(args) || args.some((one) => typeof one !== "string"))
    throw bad("args", "a list of texts is needed");
  if (command !== undefined && shell !== undefined)
    throw bad("shell", "command and shell are both given; one of them is enough");
  if (shell !== undefined && args.length > 0) throw bad("args", "they belong to command, not to shell");
  if (shell !== undefined) return ["sh", "-c", IN_LOGIN_SHELL, shell];
  if (command !== undefined) return [command, ...(args as string[])];
  throw bad("command", "it is missing, and shell too: one of them says what to run");
}

function environment(env: unknown): Record<string, string> | undefined {
  if (env === undefined) return undefined;
  const isText = ([, value]: [string, unknown]) => typeof value === "string";
  if (typeof env !== "object" || env === null || Array.isArray(env) || !Object.entries(env).every(isText))
    throw bad("env", "names with texts are needed");
  return env as Record<string, string>;
}

function text(value: unknown, property: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && value !== "") return value;
  throw bad(property, "a text is needed");
}

function bad(property: string, reason: string): EngineError {
  return new EngineError("invalid-argument", `cannot run the task: ${property}: ${reason}`, {
    hint: "Correct it in tasks.json.",
  });
}

type Choice = Pick<Instance, "name" | "state" | "mounts">;

/**
 * Which instance a task that names none runs in: the one that has the folder; of several the primary one, or the only
 * one that runs; where none has it, the primary one. Throws `invalid-argument` where that leaves a choice.
 */
export function instanceFor(
  folder: HostFolder | undefined,
  { instances, primary }: { instances: readonly Choice[]; primary: string },
): string {
  const alive = instances.filter(({ state }) => state !== "deleted");
  const holders = alive.filter((one) => folder && isMountedIn(one, folder));
  const running = holders.filter(({ state }) => state === "running");
  const [best] = [holders.filter(({ name }) => name === primary), holders, running].filter(
    (some) => some.length === 1,
  );
  if (best?.[0]) return best[0].name;
  const hint = 'Name one in tasks.json: "instance": "NAME".';
  if (holders.length > 1) {
    const names = holders.map(({ name }) => name).join(", ");
    const reason = `cannot run the task: the folder is mounted in several instances: ${names}`;
    throw new EngineError("invalid-argument", reason, { hint });
  }
  if (primary !== "") return primary;
  throw new EngineError("invalid-argument", "cannot run the task: it names no instance", { hint });
}

export function isMountedIn({ mounts }: Pick<Instance, "mounts">, folder: HostFolder): boolean {
  return [folder.path, folder.real].some((one) => directoryIn(mounts, one) !== undefined);
}

/**
 * The request for the guest's process. A `cwd` that is a directory of this host and mounted there is meant by that; any
 * other is the guest's own. Without one it is the folder, where that is mounted.
 */
export function execOf(
  { argv, cwd, env }: GuestTask,
  instance: Pick<Instance, "mounts">,
  folder: HostFolder | undefined,
): ExecOpen {
  const isHosts =
    cwd !== undefined && path.isAbsolute(cwd) && directoryIn(instance.mounts, cwd) !== undefined;
  const hostCwd = isHosts ? cwd : cwd === undefined ? folder?.real : undefined;
  return {
    argv,
    ...(hostCwd === undefined ? {} : { hostCwd }),
    ...(cwd === undefined || isHosts ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
  };
}

/** What `npm run` offers; without what a shell would take for something else. A file that cannot be read offers nothing. */
export function npmScripts(packageJson: string): string[] {
  try {
    const { scripts } = JSON.parse(packageJson) as { scripts?: unknown };
    if (typeof scripts !== "object" || scripts === null) return [];
    const named = Object.entries(scripts).filter(
      ([name, script]) => typeof script === "string" && /^\w[\w:.-]*$/.test(name),
    );
    const names = named.map(([name]) => name);
    // What npm runs by itself before and after another one is none of its own.
    return names.filter(
      (name) => !names.includes(name.replace(/^(pre|post)/, "")) || !/^(pre|post)./.test(name),
    );
  } catch {
    return [];
  }
}

export function npmGroup(script: string): "build" | "test" | undefined {
  if (/^(build|compile|watch)\b/.test(script)) return "build";
  return /^test\b/.test(script) ? "test" : undefined;
}
