/**
 * Files in a container by scripts that are run in it. What comes back is a guest's word: its length is bounded, and each
 * field is looked at.
 */
import { isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";
import { happens } from "../../../base/async.ts";
import { type Attributes, BYTES } from "../../../base/sftp-packets.ts";
import type { Ctx } from "../../ctx.ts";
import type { GuestAccess, GuestProcess } from "../../guest/guest.ts";
import { FILE_SCRIPTS, type FileScript } from "./file-scripts.ts";
import { firstWord } from "./first-word.ts";
import { READY } from "./guest-scripts.ts";

const MAX_OUTPUT_BYTES = 16 * 2 ** 20;
const MAX_WORDS_BYTES = 4096;
/** A directory may change between the look at its names and that at its files. */
const LOOKS = 3;

export type Named = { name: string; facts: Attributes };
/** A file that is read or written from its beginning on, by a process of its own. */
export type OpenFile = { path: string; child: GuestProcess; at: number; writes: boolean };

/** What a script has said on its way to failing. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";
}

export class ScriptFiles {
  readonly #guest: Pick<GuestAccess, "exec">;
  readonly #ctx: Pick<Ctx, "signal">;

  /** The signal ends whatever is under way. */
  constructor(guest: Pick<GuestAccess, "exec">, ctx: Pick<Ctx, "signal">) {
    this.#guest = guest;
    this.#ctx = ctx;
  }

  async facts(path: string, followed: boolean): Promise<Attributes> {
    return factsIn((await this.run(followed ? "stat" : "lstat", path)).toString(BYTES));
  }

  async list(path: string): Promise<Named[]> {
    for (let look = 1; ; look += 1) {
      const found = await this.run("list", path).then(listed, (error: unknown) => {
        if (look === LOOKS) throw error;
      });
      if (found) return found;
      if (look === LOOKS) throw new ScriptError("it changes while it is listed");
    }
  }

  /** A line that a script prints. */
  async line(script: FileScript, ...args: string[]): Promise<string> {
    return (await this.run(script, ...args)).toString(BYTES).replace(/\n$/, "");
  }

  /** From byte `at` on. */
  async openToRead(path: string, at = 0): Promise<OpenFile> {
    return { path, child: await this.#opened("read", path, String(at + 1)), at, writes: false };
  }

  async openToWrite(
    path: string,
    how: { begins: "new" | "cut" | "keep"; create: boolean; mode: number | undefined },
  ): Promise<OpenFile> {
    const mode = how.mode === undefined ? "" : (how.mode & 0o755).toString(8);
    const child = await this.#opened("write", path, how.begins, how.create ? "yes" : "", mode);
    return { path, child, at: 0, writes: true };
  }

  /** Resolves with all that it printed; rejects with ScriptError where it failed. */
  async run(script: FileScript, ...args: string[]): Promise<Buffer> {
    const child = await this.#start(script, args);
    child.stdin.end();
    const [output, words] = await Promise.all([
      bytesOf(child.stdout, MAX_OUTPUT_BYTES),
      bytesOf(child.stderr, MAX_WORDS_BYTES),
    ]);
    const { code } = await child.exited;
    if (code !== 0) throw failed(words);
    if (output.length > MAX_OUTPUT_BYTES) throw new ScriptError("it is too long to be told");
    return output;
  }

  async #opened(script: FileScript, ...args: string[]): Promise<GuestProcess> {
    const child = await this.#start(script, args);
    const words = bytesOf(child.stderr, MAX_WORDS_BYTES);
    if ((await firstWord(child.stdout)) === READY) {
      words.catch(() => {});
      return child;
    }
    child.close();
    throw failed(await words);
  }

  async #start(script: FileScript, args: readonly string[]): Promise<GuestProcess> {
    const argv = ["sh", "-c", FILE_SCRIPTS[script], "sh", ...args.map(asArgument)];
    const { signal } = this.#ctx;
    const child = await this.#guest.exec({ signal }, { argv, cwd: "/", env: { LC_ALL: "C" } });
    const onAbort = () => child.close();
    signal.addEventListener("abort", onAbort, { once: true });
    child.stdin.on("error", () => {}); // It may end without reading; its exit tells.
    child.exited.catch(() => {}).finally(() => signal.removeEventListener("abort", onAbort));
    return child;
  }
}

/** Ends it; resolves when all that was written is in the file. */
export async function closeFile({ child, writes }: OpenFile): Promise<void> {
  if (!writes) return child.close();
  child.stdin.end();
  child.stdout.resume();
  const { code } = await child.exited;
  if (code !== 0) throw new ScriptError("not all of it could be written");
}

/** That many bytes of it, fewer at its end alone: clients ask for the next ones before they have these. */
export async function readBytes(file: OpenFile, count: number): Promise<Buffer> {
  const { stdout } = file.child;
  const parts: Buffer[] = [];
  let held = 0;
  while (held < count && !stdout.readableEnded && !stdout.destroyed) {
    const most = Math.min(count - held, Math.max(stdout.readableLength, 1));
    const part = stdout.read(most) as Buffer | null;
    if (part) {
      parts.push(part);
      held += part.length;
    } else await happens(stdout, ["readable", "end", "close"]);
  }
  file.at += held;
  return Buffer.concat(parts);
}

/** An argument is text for a runtime: what is not UTF-8 cannot be said to it. */
function asArgument(text: string): string {
  const bytes = Buffer.from(text, BYTES);
  if (!isUtf8(bytes) || bytes.includes(0)) throw new ScriptError("its name is no UTF-8");
  return bytes.toString("utf8");
}

async function bytesOf(stream: Readable, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let held = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (held <= most) chunks.push(chunk);
    held += chunk.length;
  }
  return Buffer.concat(chunks);
}

function failed(words: Buffer): ScriptError {
  const lines = words.toString(BYTES).trim().split("\n");
  return new ScriptError(lines.at(-1)?.slice(0, 500) || "it failed without a reason");
}

/** Undefined where names and facts are not of the same files. Pure. */
export function listed(output: Buffer): Named[] | undefined {
  const text = output.toString(BYTES);
  const end = text.startsWith("\0") ? 0 : text.indexOf("\0\0") + 1;
  if (end === 0 && !text.startsWith("\0")) return undefined;
  const names = text
    .slice(0, Math.max(0, end - 1))
    .split("\0")
    .filter((name) => name !== "");
  const lines = text
    .slice(end + 1)
    .split("\n")
    .filter((line) => line !== "");
  if (names.length !== lines.length) return undefined;
  return names.map((name, at) => ({ name, facts: factsIn(lines[at] ?? "") }));
}

/** Throws ScriptError for what is no line of facts. Pure. */
export function factsIn(line: string): Attributes {
  const match = /^([0-9a-f]{1,8}) (\d{1,15}) (\d{1,10}) (\d{1,10}) (-?\d{1,15}) (-?\d{1,15})\s*$/.exec(line);
  if (!match) throw new ScriptError("its image's stat tells nothing that is understood");
  const [, mode = "0", size, uid, gid, accessed, modified] = match;
  return {
    size: Number(size),
    owner: { uid: Number(uid), gid: Number(gid) },
    mode: Number.parseInt(mode, 16),
    times: { accessed: seconds(accessed), modified: seconds(modified) },
  };
}

/** Version 3 of the protocol has 32 bits for them. */
function seconds(text: string | undefined): number {
  return Math.min(Math.max(Number(text), 0), 0xffff_ffff);
}
