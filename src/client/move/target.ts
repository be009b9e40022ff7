/** Where an instance can go: another engine of this computer, one that ssh reaches, or a repository of backups. */
import { stat } from "node:fs/promises";
import path from "node:path";
import { EngineError } from "../../base/errors.ts";
import { connect } from "../connect.ts";
import type { EngineClient } from "../engine-client.ts";
import { engineOverSsh } from "./over-ssh.ts";

export type SshHost = { destination: string; port: number | undefined };

/** `text` is what it is written as, wherever it is read again. */
export type Target =
  | { kind: "home" | "socket"; text: string; path: string }
  | ({ kind: "ssh"; text: string } & SshHost)
  | { kind: "repository"; text: string; name: string };

const HINT =
  "Name a directory (BERTH_HOME of another engine) or its socket, ssh:me@host, or repository:NAME.";

/** Throws `invalid-argument` for what is none. Pure. */
export function parseTarget(text: string, cwd: string): Target {
  const [, repository] = /^repository:([a-z0-9-]{1,63})$/i.exec(text) ?? [];
  if (repository !== undefined) return { kind: "repository", text, name: repository };
  const [, destination, port] =
    /^ssh:(?:\/\/)?((?:[\w.-]+@)?(?!-)[\w.-]+)(?::(\d{1,5}))?\/?$/.exec(text) ?? [];
  if (destination !== undefined && !destination.startsWith("-"))
    return { kind: "ssh", text, destination, port: port === undefined ? undefined : Number(port) };
  if (/[/\\]|^\.{1,2}$/.test(text) && !/^[a-z]{2,}:/i.test(text)) {
    const whole = path.resolve(cwd, text);
    return { kind: whole.endsWith(".sock") ? "socket" : "home", text: whole, path: whole };
  }
  throw new EngineError("invalid-argument", `cannot use ${text} as a target: it names no engine`, {
    hint: HINT,
  });
}

type How = { engineBundle: string; env?: NodeJS.ProcessEnv; signal: AbortSignal };

/** A client of the engine there; one of this computer is started where it does not run. */
export async function openTarget(
  target: Exclude<Target, { kind: "repository" }>,
  { engineBundle, env = process.env, signal }: How,
): Promise<{ client: EngineClient; close: () => Promise<void> }> {
  if (target.kind === "ssh") return engineOverSsh(target, signal);
  if (target.kind === "home") await refuseAbsent(target.path);
  const where =
    target.kind === "home"
      ? { env: { ...env, BERTH_HOME: target.path }, engineBundle }
      : { env, socket: target.path };
  const client = await connect({ ...where, signal });
  return { client, close: async () => client.dispose() };
}

/** A name that is mistyped would be made an engine of its own. */
async function refuseAbsent(directory: string): Promise<void> {
  const facts = await stat(directory).catch(() => undefined);
  if (facts?.isDirectory()) return;
  throw new EngineError("not-found", `cannot use ${directory} as a target: there is no such directory`, {
    hint: HINT,
  });
}
