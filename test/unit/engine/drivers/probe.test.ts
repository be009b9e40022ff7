/** What a host's QEMU is found to be, with programs of our own in its place. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isAlive } from "../../../../src/base/process-identity.ts";
import type { Host } from "../../../../src/engine/drivers/qemu/host.ts";
import { parseVersion, probeToolchain, type Toolchain } from "../../../../src/engine/drivers/qemu/probe.ts";
import { silentLog } from "../../../../src/engine/log.ts";

const LINUX: Host = { platform: "linux", arch: "x86_64" };
const VERSION = 'if [ "$1" = --version ]; then echo "QEMU emulator version 9.1.2 (Fake)"; exit 0; fi';
/** Finds the file that the debug console goes to among its arguments. */
const WORD = 'for a in "$@"; do case $a in file,id=word,path=*) word=$(echo "$a" | cut -d= -f3);; esac; done';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-fakes-"));
  await mkdir(path.join(directory, "bin"));
  await mkdir(path.join(directory, "tmp"));
  vi.stubEnv("PATH", `${path.join(directory, "bin")}:/usr/bin:/bin`);
  vi.stubEnv("TMPDIR", path.join(directory, "tmp"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

async function fake(name: string, ...lines: string[]): Promise<void> {
  const file = path.join(directory, "bin", name);
  await writeFile(file, `#!/bin/sh\n${lines.join("\n")}\n`);
  await chmod(file, 0o755);
}

const ctx = () => ({ signal: AbortSignal.timeout(20_000), progress: () => {}, log: silentLog });

async function probed(host = LINUX, wanted: "auto" | "kvm" | "tcg" = "auto"): Promise<Toolchain> {
  await fake("qemu-img", "exit 0");
  const found = await probeToolchain(ctx(), host, "x86_64", wanted);
  if ("missing" in found) throw new Error(found.missing.message);
  // Whatever the guest did, nothing of the look stays behind.
  expect(await readdir(path.join(directory, "tmp"))).toEqual([]);
  return found;
}

test("an accelerator that runs the payload to its end is taken", async () => {
  await fake("qemu-system-x86_64", VERSION, WORD, 'printf RPLK > "$word"', "exit 33");
  expect(await probed()).toMatchObject({ accelerator: "kvm", version: "9.1.2", problems: [] });
});

test("one that hangs is found out within three seconds, and its process ended", async () => {
  const pidFile = path.join(directory, "pid");
  await fake("qemu-system-x86_64", VERSION, `echo $$ > ${pidFile}`, "trap '' TERM", "exec sleep 60");
  const started = performance.now();
  const found = await probed();
  expect(performance.now() - started).toBeLessThan(3_000);
  expect(found.accelerator).toBe("tcg");
  expect(found.problems).toMatchObject([
    { code: "accelerator-unusable", severity: "warning", message: expect.stringContaining("in time") },
  ]);
  expect(isAlive(Number(await readFile(pidFile, "utf8")))).toBe(false);
});

test.each([
  [
    "refuses",
    ['echo "qemu-system-x86_64: failed to initialize kvm: No such device" >&2', "exit 1"],
    /No such device/,
  ],
  ["aborts", ['echo "kvm_buf_set_msrs: Assertion failed" >&2', "kill -ABRT $$"], /Assertion failed/],
  ["says another word", [WORD, 'printf RP > "$word"', "exit 33"], /wrong way/],
  ["ends at once", ["exit 0"], /before its time/],
])("one that %s is not taken, and the reason is told", async (_what, lines, reason) => {
  await fake("qemu-system-x86_64", VERSION, ...lines);
  const found = await probed();
  expect(found.accelerator).toBe("tcg");
  expect(found.problems[0]).toMatchObject({
    code: "accelerator-unusable",
    message: expect.stringMatching(reason),
  });
});

test("who asks for emulation gets it, without a look at anything else", async () => {
  await fake("qemu-system-x86_64", VERSION, "exec sleep 60");
  expect(await probed(LINUX, "tcg")).toMatchObject({ accelerator: "tcg", problems: [] });
});

test("a comma in the temporary directory's name does not end the payload's file name", async () => {
  const odd = path.join(directory, "a,b");
  await mkdir(odd);
  vi.stubEnv("TMPDIR", odd);
  const asQemuReadsIt = "word=$(echo \"$word\" | sed 's/,,/,/g')";
  await fake("qemu-system-x86_64", VERSION, WORD, asQemuReadsIt, 'printf RPLK > "$word"', "exit 33");
  expect((await probed()).accelerator).toBe("kvm");
});

test("a QEMU that cannot even tell its version is a problem, told with the way to mend it", async () => {
  await fake(
    "qemu-system-x86_64",
    "echo 'error while loading shared libraries: libslirp.so.0' >&2",
    "exit 127",
  );
  await fake("qemu-img", "exit 0");
  expect(await probeToolchain(ctx(), LINUX, "x86_64", "auto")).toMatchObject({
    missing: {
      code: "qemu-broken",
      message: expect.stringContaining("libslirp.so.0"),
      hint: expect.any(String),
    },
  });
});

test("what is not installed is named, with the way to install it", async () => {
  vi.stubEnv("PATH", path.join(directory, "bin"));
  await fake("qemu-system-aarch64", VERSION);
  const found = await probeToolchain(ctx(), { platform: "darwin", arch: "aarch64" }, "aarch64", "auto");
  expect(found).toMatchObject({
    missing: {
      code: "qemu-missing",
      message: "qemu-img is not installed",
      hint: expect.stringContaining("brew"),
    },
  });
});

test.each([
  ["QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright…", "7.2.22"],
  ["QEMU emulator version 10.0\n", "10.0"],
  ["something else", "unknown"],
])("the version in %j", (text, version) => expect(parseVersion(text)).toBe(version));
