/** What Berth tells OpenSSH, and the script in its ProxyCommand, on every platform. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { pathsFor } from "../../../../src/base/paths.ts";
import { run } from "../../../../src/base/run.ts";
import { inlineLines, ownConfig, proxyCommand } from "../../../../src/client/remote/own-config.ts";
import { shimFile, shimText, writeProxyShim } from "../../../../src/client/remote/proxy-shim.ts";
import { userConfigFile } from "../../../../src/client/remote/user-file.ts";

const filesOn = (platform: NodeJS.Platform, home: string) =>
  pathsFor({ platform, env: {}, home, tmp: "/tmp", user: "u" }).ssh;

test.each([
  [
    "linux",
    "/home/u",
    '"/home/u/.local/share/berth/ssh/known_hosts"',
    "'/home/u/.local/share/berth/ssh/bin/berth-ssh'",
  ],
  [
    "darwin",
    "/Users/it's",
    '"/Users/it\'s/Library/Application Support/berth/ssh/known_hosts"',
    "'/Users/it'\\''s/Library/Application Support/berth/ssh/bin/berth-ssh'",
  ],
  [
    "win32",
    "C:\\Users\\A B",
    '"C:/Users/A B/AppData/Local/berth/data/ssh/known_hosts"',
    '"C:\\Users\\A B\\AppData\\Local\\berth\\data\\ssh\\bin\\berth-ssh.cmd"',
  ],
] as const)("on %s with the home %s", (platform, home, knownHosts, shim) => {
  const files = filesOn(platform, home);
  const text = ownConfig(files, shimFile(files.bin, platform), platform);
  expect(text).toContain(`\n  UserKnownHostsFile ${knownHosts}\n`);
  expect(text).toContain(`\n  ProxyCommand ${shim} ssh-proxy %n\n`);
  expect(text).toContain("\n  StrictHostKeyChecking yes\n");
  expect(text.match(/^Include .*/m)?.[0]).not.toContain("\\");
});

test("percent signs are not taken for ssh's own", () => {
  expect(proxyCommand("/100%/berth-ssh", "linux")).toBe("'/100%%/berth-ssh' ssh-proxy %n");
});

test("without Include, the hosts stand in the block, and what follows it is for all hosts again", () => {
  const hosts = "# Berth writes it\n\nHost web.berth\n  User u\n";
  const lines = inlineLines(filesOn("linux", "/h"), "/s", "linux", hosts);
  expect(lines.slice(0, 3)).toEqual(["Host web.berth", "  User u", "Host *.berth"]);
  expect(lines.at(-1)).toBe("Host *");
});

test.each([
  ["linux", undefined, "/home/u/.ssh/config"],
  ["linux", "", "/home/u/.ssh/config"],
  ["linux", "~/ssh/mine", "/home/u/ssh/mine"],
  ["linux", "/etc/mine", "/etc/mine"],
  ["win32", undefined, "C:\\Users\\u\\.ssh\\config"],
  ["win32", "D:\\ssh\\config", "D:\\ssh\\config"],
  ["win32", "~\\c", "C:\\Users\\u\\c"],
] as const)("on %s, with %j configured, the user's file is %s", (platform, configured, file) => {
  const home = platform === "win32" ? "C:\\Users\\u" : "/home/u";
  expect(userConfigFile(home, platform, configured)).toBe(file);
});

async function folder(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), "berth it's $HOME "));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A "command line" that says what it was given. */
const SAYS =
  "process.stdout.write(JSON.stringify([process.env.BERTH_HOME ?? '', __dirname.split('berth.berth-')[1], ...process.argv.slice(2)]))";

async function installed(directory: string, version: string): Promise<string> {
  const dist = path.join(directory, `berth.berth-${version}`, "dist");
  await mkdir(dist, { recursive: true });
  await writeFile(path.join(dist, "cli.js"), SAYS);
  return path.join(dist, "cli.js");
}

test("the script runs this Berth with its directories, and after an update the newer one", async () => {
  const directory = await folder();
  const cli = await installed(directory, "0.1.0");
  const env = { BERTH_HOME: path.join(directory, "home") };
  await writeProxyShim(directory, { execPath: process.execPath, cli, env }, "linux");
  const script = shimFile(directory, "linux");
  const said = async () => JSON.parse((await run([script, "ssh-proxy", "a b"])).stdout);
  expect(await said()).toEqual([env.BERTH_HOME, "0.1.0/dist", "ssh-proxy", "a b"]);
  await installed(directory, "0.2.0");
  await rm(path.dirname(path.dirname(cli)), { recursive: true });
  expect(await said()).toEqual([env.BERTH_HOME, "0.2.0/dist", "ssh-proxy", "a b"]);
  await rm(path.join(directory, "berth.berth-0.2.0"), { recursive: true });
  await expect(run([script, "ssh-proxy", "x"])).rejects.toMatchObject({
    exitCode: 127,
    stderr: expect.stringContaining("ssh-config --install"),
  });
});

test("where the editor's own Node has gone, the one on PATH runs it", async () => {
  const directory = await folder();
  const cli = await installed(directory, "0.1.0");
  await writeProxyShim(directory, { execPath: path.join(directory, "gone"), cli, env: {} }, "linux");
  const bin = path.join(directory, "bin");
  await mkdir(bin);
  await writeFile(path.join(bin, "node"), `#!/bin/sh\nexec ${process.execPath} "$@"\n`);
  await chmod(path.join(bin, "node"), 0o755);
  const env = { PATH: `${bin}:${process.env["PATH"]}` };
  const { stdout } = await run([shimFile(directory, "linux"), "x"], { env });
  expect(JSON.parse(stdout).at(-1)).toBe("x");
});

test("the script for Windows", () => {
  const cli = "C:\\Users\\A B\\.vscode\\extensions\\berth.berth-0.1.0\\dist\\cli.js";
  const execPath = "C:\\100%\\Code.exe";
  expect(shimText({ execPath, cli, env: { BERTH_HOME: "D:\\b" } }, "win32").split("\r\n")).toEqual([
    "@echo off",
    "rem berth-shim",
    "setlocal",
    'set "node=C:\\100%%\\Code.exe"',
    `set "cli=${cli}"`,
    'if not exist "%cli%" for /d %%d in ("C:\\Users\\A B\\.vscode\\extensions\\berth.berth-*") do if exist "%%d\\dist\\cli.js" set "cli=%%d\\dist\\cli.js"',
    'if not exist "%node%" set "node=node.exe"',
    'if not exist "%cli%" (',
    "  echo Berth is not where it was. Open VS Code once, or run: berth ssh-config --install 1>&2",
    "  exit /b 127",
    ")",
    'set "BERTH_HOME=D:\\b"',
    "set ELECTRON_RUN_AS_NODE=1",
    '"%node%" "%cli%" %*',
    "",
  ]);
});
