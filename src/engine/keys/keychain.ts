/**
 * The keychain of this host's user: the Secret Service by `secret-tool`, macOS's by `security`, and on Windows a file
 * that DPAPI opens for this user alone. A secret is passed by pipes, never as an argument.
 */
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { privateDirectory, writeFileDurable } from "../../base/durable.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { RunError, type RunOptions, type RunResult, run } from "../../base/run.ts";
import { Secret } from "../../base/secret.ts";

export interface Keychain {
  /** What it is called on its platform. */
  readonly name: string;
  /** Undefined where it has none of that name; rejects where it cannot be asked. The value is one line of text. */
  read(account: string, signal: AbortSignal): Promise<Secret | undefined>;
  write(account: string, value: Secret, signal: AbortSignal): Promise<void>;
  /** No effect where there is none. */
  remove(account: string, signal: AbortSignal): Promise<void>;
}

const SERVICE = "berth";
const LABEL = "Berth encryption key";
/** Of `security`: there is no such item. */
const NO_ITEM = 44;

/** `directory` is where Windows keeps what DPAPI has sealed. */
export function osKeychain(platform: NodeJS.Platform, directory: string): Keychain {
  if (platform === "darwin") return macKeychain;
  return platform === "win32" ? windowsKeychain(directory) : secretService;
}

const secretService: Keychain = {
  name: "the Secret Service",
  async read(account, signal) {
    const argv = ["secret-tool", "lookup", "service", SERVICE, "account", account];
    const { stdout } = await asked(this.name, argv, { signal }, isNotFound);
    return secretOf(stdout);
  },
  async write(account, value, signal) {
    const argv = ["secret-tool", "store", `--label=${LABEL}`, "service", SERVICE, "account", account];
    await asked(this.name, argv, { signal, input: value.reveal() });
  },
  async remove(account, signal) {
    const argv = ["secret-tool", "clear", "service", SERVICE, "account", account];
    await asked(this.name, argv, { signal }, isNotFound);
  },
};

/** It says nothing where there is no such secret, and why where it could not look. */
function isNotFound({ exitCode, stderr }: RunError): boolean {
  return exitCode === 1 && stderr.trim() === "";
}

const macKeychain: Keychain = {
  name: "the login keychain",
  async read(account, signal) {
    const argv = ["security", "find-generic-password", "-s", SERVICE, "-a", account, "-w"];
    const { stdout } = await asked(this.name, argv, { signal }, isNoItem);
    return secretOf(stdout);
  },
  async write(account, value, signal) {
    const words = ["add-generic-password", "-U", "-s", SERVICE, "-a", account, "-l", `"${LABEL}"`];
    const input = `${[...words, "-w", value.reveal()].join(" ")}\n`;
    await asked(this.name, ["security", "-i"], { signal, input });
  },
  async remove(account, signal) {
    const argv = ["security", "delete-generic-password", "-s", SERVICE, "-a", account];
    await asked(this.name, argv, { signal }, isNoItem);
  },
};

function isNoItem({ exitCode }: RunError): boolean {
  return exitCode === NO_ITEM;
}

function windowsKeychain(directory: string): Keychain {
  const name = "Windows' data protection";
  const fileOf = (account: string) => path.join(directory, `${account}.dpapi`);
  return {
    name,
    async read(account, signal) {
      const kept = await readFile(fileOf(account), "utf8").catch(absent);
      // Where there is none, the attempt alone tells whether it could be opened.
      const input = kept ?? "";
      const { stdout } = await asked(name, dpapi("Unprotect"), { signal, input });
      return kept === undefined ? undefined : secretOf(stdout);
    },
    async write(account, value, signal) {
      const input = Buffer.from(value.reveal()).toString("base64");
      const { stdout } = await asked(name, dpapi("Protect"), { signal, input });
      await privateDirectory(directory);
      await writeFileDurable(fileOf(account), stdout.trim());
    },
    async remove(account) {
      await rm(fileOf(account), { force: true });
    },
  };
}

/** Base64 in, base64 or text out; nothing in, nothing out. */
function dpapi(verb: "Protect" | "Unprotect"): string[] {
  const out =
    verb === "Protect" ? "[Convert]::ToBase64String($out)" : "[Text.Encoding]::UTF8.GetString($out)";
  const script = [
    "$ErrorActionPreference = 'Stop'",
    "Add-Type -AssemblyName System.Security",
    "$text = [Console]::In.ReadToEnd()",
    "if ($text -eq '') { exit 0 }",
    `$out = [Security.Cryptography.ProtectedData]::${verb}([Convert]::FromBase64String($text), $null, 'CurrentUser')`,
    `[Console]::Out.Write(${out})`,
  ];
  return ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", script.join("; ")];
}

const NOTHING: RunResult = { stdout: "", stderr: "" };

/** Runs a keychain's program; `isAbsent` tells the failure that only says there is no such secret. */
async function asked(
  name: string,
  argv: readonly string[],
  options: RunOptions,
  isAbsent: (error: RunError) => boolean = () => false,
): Promise<RunResult> {
  try {
    return await run(argv, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof RunError && isAbsent(error)) return NOTHING;
    const missing = error instanceof EngineError && error.code === "missing-dependency";
    const reason = missing ? `${argv[0]} is not installed` : messageOf(error);
    throw new EngineError("missing-dependency", `cannot use ${name}: ${reason}`, {
      hint: missing && argv[0] === "secret-tool" ? SECRET_TOOL_HINT : undefined,
      // Never the failure itself: what the program printed might be quoted with it.
    });
  }
}

const SECRET_TOOL_HINT =
  "Install it: sudo apt install libsecret-tools (Debian, Ubuntu) or sudo dnf install libsecret (Fedora)";

function secretOf(stdout: string): Secret | undefined {
  const text = stdout.trim();
  return text === "" ? undefined : new Secret(text);
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
