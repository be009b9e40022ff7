/** What the views hand to the host: install commands, ssh lines, shims, plain text. */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { run } from "../../../src/base/run.ts";
import { shimScripts, writeShims } from "../../../src/client/shim.ts";
import { sshCommand } from "../../../src/client/ssh-command.ts";
import { installQemuCommand, packageManagers } from "../../../src/views/install-qemu.ts";
import { withoutControls } from "../../../src/views/plain-text.ts";

test.each([
  ["linux", "x86_64", ["apt-get"], false, "sudo apt-get install qemu-system-x86 qemu-utils"],
  ["linux", "aarch64", ["apt-get"], true, "apt-get install qemu-system-arm qemu-efi-aarch64 qemu-utils"],
  ["linux", "x86_64", ["dnf"], false, "sudo dnf install qemu-kvm qemu-img"],
  ["linux", "x86_64", ["apk"], true, "apk add qemu-system-x86_64 qemu-img"],
  ["darwin", "aarch64", ["brew"], false, "brew install qemu"],
  ["win32", "x86_64", ["winget", "choco"], false, "winget install --id SoftwareFreedomConservancy.QEMU"],
  ["linux", "x86_64", [], false, undefined],
  ["freebsd", "x86_64", ["pkg"], false, undefined],
] as const)("berth.installQemu on %s %s with %j", (platform, arch, managers, root, command) => {
  expect(installQemuCommand({ platform, arch, managers: new Set(managers), root })).toBe(command);
  for (const manager of managers) if (command) expect(packageManagers(platform)).toContain(manager);
});

test.each([
  [
    "linux",
    "/d/key",
    "ssh -p 22 -i /d/key -o IdentitiesOnly=yes -o UserKnownHostsFile=/d/known ubuntu@127.0.0.1",
  ],
  [
    "darwin",
    "/Application Support/it's/key",
    "ssh -p 22 -i '/Application Support/it'\\''s/key' -o IdentitiesOnly=yes -o UserKnownHostsFile=/d/known ubuntu@127.0.0.1",
  ],
  [
    "win32",
    "C:\\Users\\A B\\key",
    'ssh -p 22 -i "C:\\Users\\A B\\key" -o IdentitiesOnly=yes -o UserKnownHostsFile=/d/known ubuntu@127.0.0.1',
  ],
] as const)("on %s the key %s is quoted for the shell", (platform, keyFile, command) => {
  const ssh = { host: "127.0.0.1", port: 22, user: "ubuntu", keyFile, knownHostsFile: "/d/known" };
  expect(sshCommand(ssh, platform)).toBe(command);
});

test("a known-hosts path with a space is quoted for ssh too", () => {
  const ssh = { host: "h", port: 1, user: "u", keyFile: "/k", knownHostsFile: "/a b/known" };
  expect(sshCommand(ssh, "linux")).toContain(`-o 'UserKnownHostsFile="/a b/known"'`);
});

test("the berth command runs the CLI with the editor's Node, whatever stands in the paths", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "berth it's $HOME "));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const cli = path.join(directory, "cli.js");
  await writeFile(
    cli,
    "process.stdout.write(JSON.stringify([process.env.ELECTRON_RUN_AS_NODE, ...process.argv.slice(2)]))",
  );
  const bin = path.join(directory, "bin");
  await writeShims(bin, { execPath: process.execPath, cli });
  const { stdout } = await run([path.join(bin, "berth"), "launch", "a b", "$x"]);
  expect(JSON.parse(stdout)).toEqual(["1", "launch", "a b", "$x"]);
  const before = await stat(path.join(bin, "berth"));
  await writeShims(bin, { execPath: process.execPath, cli });
  expect((await stat(path.join(bin, "berth"))).mtimeMs).toBe(before.mtimeMs);
  expect(await readFile(path.join(bin, "berth.cmd"), "utf8")).toContain("ELECTRON_RUN_AS_NODE=1");
});

test("percent signs survive cmd", () => {
  expect(shimScripts({ execPath: "C:\\100%\\node.exe", cli: "c.js" })["berth.cmd"]).toContain(
    '"C:\\100%%\\node.exe"',
  );
});

test.each([
  ["\x1b[32mok\x1b[0m\r\n", "ok\n"],
  ["a\r\r\nb", "a\nb"],
  ["50%\r100%", "50%\n100%"],
  ["\x1b]0;title\x07text\x1b(B\x1b[?25l", "text"],
  ["tab\there\x00\x7f", "tab\there"],
  ["ümlaut ✓", "ümlaut ✓"],
])("%j reads %j", (raw, plain) => expect(withoutControls(raw)).toBe(plain));
