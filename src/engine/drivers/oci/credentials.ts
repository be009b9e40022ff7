/**
 * The user's own logins at registries, as Docker's and Podman's commands keep them: in `config.json` and `auth.json`, or
 * with a credential helper that these name. They are looked up for each pull, sent to the runtime, and never kept.
 */
import { readFile } from "node:fs/promises";
import { withDeadline } from "../../../base/async.ts";
import { EngineError, messageOf } from "../../../base/errors.ts";
import { RunError, run } from "../../../base/run.ts";
import { Secret } from "../../../base/secret.ts";
import type { Ctx } from "../../ctx.ts";

/** What the API takes in `X-Registry-Auth`, before it is encoded. */
export type Login = { username: string; password: string } | { identitytoken: string };

export type LoginFile = {
  auths?: Record<string, { auth?: unknown; identitytoken?: unknown } | undefined>;
  credHelpers?: Record<string, unknown>;
  credsStore?: unknown;
};

/** A helper may ask its user, in a window of its own. */
const HELPER_MS = 60_000;

/**
 * The login for a repository, from the first of `files` that has one; undefined where none has. A registry is known by
 * its host; `serverAddress` is what Docker calls its default one. Rejects with `unauthenticated` where a helper fails.
 */
export async function findLogin(
  ctx: Pick<Ctx, "signal">,
  files: readonly string[],
  wanted: { registry: string; repository: string },
): Promise<Secret<Login> | undefined> {
  for (const file of files) {
    const kept = await readLogins(file);
    const helper = kept && helperFor(kept, wanted.registry);
    const login =
      (helper && (await askHelper(ctx, helper, wanted.registry))) ?? (kept && loginIn(kept, wanted));
    if (login) return new Secret(login);
  }
  return undefined;
}

/** The value of the header that carries it. */
export function loginHeader(login: Secret<Login> | undefined): Record<string, string> {
  if (!login) return {};
  return { "x-registry-auth": encodeHeader(login.reveal()) };
}

/** Base64 for URLs with its padding, which runtimes want and Node leaves out. */
export function encodeHeader(value: unknown): string {
  const text = Buffer.from(JSON.stringify(value)).toString("base64");
  return text.replaceAll("+", "-").replaceAll("/", "_");
}

/** Undefined where there is no such file; one that cannot be read is told, for without it a pull fails for no reason. */
async function readLogins(file: string): Promise<LoginFile | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(file, "utf8"));
    return typeof value === "object" && value !== null ? (value as LoginFile) : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new EngineError("invalid-argument", `cannot read logins from ${file}: ${messageOf(error)}`, {
      hint: "Repair or remove the file, then sign in again.",
      cause: error,
    });
  }
}

/** A helper of the registry's own before the one of all. Pure. */
export function helperFor(kept: LoginFile, registry: string): string | undefined {
  const own = Object.entries(kept.credHelpers ?? {}).find(([key]) => hostOf(key) === hostOf(registry))?.[1];
  const helper = own ?? kept.credsStore;
  // It becomes a part of a program's name.
  return typeof helper === "string" && /^[\w.-]+$/.test(helper) ? helper : undefined;
}

/** What a file itself holds: of the keys that fit, the one that says most. Pure. */
export function loginIn(
  kept: LoginFile,
  { registry, repository }: { registry: string; repository: string },
): Login | undefined {
  const whole = `${hostOf(registry)}/${repository}`;
  const fits = (key: string) =>
    hostOf(key) === hostOf(registry) || whole === key || whole.startsWith(`${key}/`);
  const keys = Object.keys(kept.auths ?? {}).filter(fits);
  const best = keys.sort((a, b) => specific(b) - specific(a))[0];
  const entry = best === undefined ? undefined : kept.auths?.[best];
  if (typeof entry?.identitytoken === "string" && entry.identitytoken !== "")
    return { identitytoken: entry.identitytoken };
  if (typeof entry?.auth !== "string") return undefined;
  const text = Buffer.from(entry.auth, "base64").toString("utf8").replace(/\0+$/, "");
  const colon = text.indexOf(":");
  return colon < 1 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** Keys of namespaces (`host/team`) are Podman's; an address with a scheme means the host alone. */
function specific(key: string): number {
  return /^https?:/i.test(key) ? hostOf(key).length : key.length;
}

/** Older files have whole addresses as keys. A key of a namespace is no host. */
function hostOf(key: string): string {
  const address = /^https?:\/\/([^/]+)/i.exec(key)?.[1];
  return (address ?? key).toLowerCase();
}

/** Undefined where it has none for this registry. */
async function askHelper(
  ctx: Pick<Ctx, "signal">,
  helper: string,
  registry: string,
): Promise<Login | undefined> {
  const program = `docker-credential-${helper}`;
  const deadline = withDeadline(HELPER_MS, ctx.signal);
  try {
    const { stdout } = await run([program, "get"], { input: registry, signal: deadline.signal });
    return loginFrom(stdout);
  } catch (error) {
    ctx.signal.throwIfAborted();
    const words = error instanceof RunError ? `${error.stdout} ${error.stderr}`.trim() : messageOf(error);
    if (/credentials not found/i.test(words)) return undefined;
    throw new EngineError(
      "unauthenticated",
      `cannot get the login for ${registry}: ${program}: ${words.slice(0, 500)}`,
      {
        hint: `Try it: echo ${registry} | ${program} get`,
        cause: error instanceof RunError ? undefined : error, // What a helper has printed may hold a password.
      },
    );
  } finally {
    deadline.done();
  }
}

function loginFrom(answer: string): Login | undefined {
  const { Username: username, Secret: password } = JSON.parse(answer) as Record<string, unknown>;
  if (typeof username !== "string" || typeof password !== "string" || password === "") return undefined;
  return username === "<token>" ? { identitytoken: password } : { username, password };
}
