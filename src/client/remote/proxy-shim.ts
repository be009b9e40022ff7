/**
 * The command in OpenSSH's ProxyCommand. It lies where updates of Berth and of the editor do not reach, is written anew
 * whenever Berth starts in an editor, and finds a newer Berth by itself where the one that wrote it has gone.
 */
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { writeFileDurable } from "../../base/durable.ts";
import { SHIM_MARK } from "../shim.ts";

export type ProxyShim = {
  execPath: string;
  cli: string;
  /** Directories that this Berth was told by its environment, which the one that ssh starts has to know, too. */
  env: Readonly<Record<string, string | undefined>>;
};

const KEPT = ["BERTH_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"];

export function shimFile(directory: string, platform: NodeJS.Platform): string {
  return platform === "win32"
    ? path.win32.join(directory, "berth-ssh.cmd")
    : path.posix.join(directory, "berth-ssh");
}

/** What the script is. Pure. */
export function shimText(shim: ProxyShim, platform: NodeJS.Platform): string {
  return platform === "win32" ? cmdText(shim) : shText(shim);
}

/** Writes the script where it differs from what is there. */
export async function writeProxyShim(
  directory: string,
  shim: ProxyShim,
  platform: NodeJS.Platform,
): Promise<void> {
  const file = shimFile(directory, platform);
  const text = shimText(shim, platform);
  const present = await readFile(file, "utf8").catch(() => undefined);
  if (present === text) return;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFileDurable(file, text, 0o700);
}

function kept({ env }: ProxyShim): [string, string][] {
  return KEPT.flatMap((name): [string, string][] => (env[name] ? [[name, env[name]]] : []));
}

/** `…/berth.berth-0.1.0/dist/cli.js`: what is before the version, and after it. */
function versioned(cli: string): { before: string; after: string } | undefined {
  const [, before, after] = /^(.*[\\/]berth\.berth-)[^\\/]+([\\/]dist[\\/]cli\.js)$/.exec(cli) ?? [];
  return before !== undefined && after !== undefined ? { before, after } : undefined;
}

function shText(shim: ProxyShim): string {
  const word = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const others = versioned(shim.cli);
  return [
    "#!/bin/sh",
    `# ${SHIM_MARK}`,
    `node=${word(shim.execPath)}`,
    `cli=${word(shim.cli)}`,
    ...(others
      ? [
          `[ -f "$cli" ] || for one in ${word(others.before)}*${word(others.after)}; do [ -f "$one" ] && cli=$one; done`,
        ]
      : []),
    `[ -x "$node" ] || node=$(command -v node) || node=none`,
    `if [ ! -f "$cli" ] || [ "$node" = none ]; then`,
    `  echo "Berth is not where it was. Open VS Code once, or run: berth ssh-config --install" >&2`,
    "  exit 127",
    "fi",
    ...kept(shim).map(([name, value]) => `export ${name}=${word(value)}`),
    "export ELECTRON_RUN_AS_NODE=1",
    `exec "$node" "$cli" "$@"`,
    "",
  ].join("\n");
}

function cmdText(shim: ProxyShim): string {
  const value = (text: string) => text.replaceAll("%", "%%");
  const others = versioned(shim.cli);
  return [
    "@echo off",
    `rem ${SHIM_MARK}`,
    "setlocal",
    `set "node=${value(shim.execPath)}"`,
    `set "cli=${value(shim.cli)}"`,
    ...(others
      ? [
          `if not exist "%cli%" for /d %%d in ("${value(others.before)}*") do if exist "%%d${value(others.after)}" set "cli=%%d${value(others.after)}"`,
        ]
      : []),
    `if not exist "%node%" set "node=node.exe"`,
    `if not exist "%cli%" (`,
    "  echo Berth is not where it was. Open VS Code once, or run: berth ssh-config --install 1>&2",
    "  exit /b 127",
    ")",
    ...kept(shim).map(([name, text]) => `set "${name}=${value(text)}"`),
    "set ELECTRON_RUN_AS_NODE=1",
    `"%node%" "%cli%" %*`,
    "",
  ].join("\r\n");
}
