/** Looking at a host whose QEMU is absent, half there, slow or called off; programs of our own stand in its place. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isAlive } from "../../../../src/base/process-identity.ts";
import { findFirmware, findProgram, type Host } from "../../../../src/engine/drivers/qemu/host.ts";
import { probeToolchain } from "../../../../src/engine/drivers/qemu/probe.ts";
import { Toolchains } from "../../../../src/engine/drivers/qemu/toolchains.ts";
import { silentLog } from "../../../../src/engine/log.ts";

const LINUX: Host = { platform: "linux", arch: "x86_64" };
const MAC: Host = { platform: "darwin", arch: "x86_64" };
const VERSION = 'if [ "$1" = --version ]; then echo "QEMU emulator version 9.1.2 (Fake)"; exit 0; fi';
/** Does what the payload does: the word to the file of the debug console, then its status. */
const RIGHT =
  'for a; do case $a in file,id=word,path=*) printf RPLK > "$(echo "$a" | cut -d= -f3)";; esac; done; exit 33';

let directory: string;
let bin: string;
let tmp: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth fakes "));
  [bin, tmp] = [path.join(directory, "bin"), path.join(directory, "tmp")];
  await mkdir(bin);
  await mkdir(tmp);
  vi.stubEnv("PATH", `${bin}:/usr/bin:/bin`);
  vi.stubEnv("TMPDIR", tmp);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

const fake = (name: string, ...lines: string[]) =>
  writeFile(path.join(bin, name), `#!/bin/sh\n${lines.join("\n")}\n`, { mode: 0o755 });
const ctx = (signal = AbortSignal.timeout(20_000)) => ({ signal, progress: () => {}, log: silentLog });
/** Writes down its process and its arguments, one a line. */
const noted = () => `echo $$ > "${directory}/pid"; printf '%s\\n' "$@" > "${directory}/argv"`;
const argvOf = async () => (await readFile(path.join(directory, "argv"), "utf8")).trimEnd().split("\n");

test("the accelerator is tried with the CPU that instances get, our BIOS, and nothing of the user's settings", async () => {
  await fake("qemu-img", "exit 0");
  await fake(
    "qemu-system-x86_64",
    VERSION,
    noted(),
    'for a; do case $a in *.bin) cp "$a" "$0.bios";; esac; done',
    RIGHT,
  );
  expect(await probeToolchain(ctx(), LINUX, "x86_64", "auto")).toMatchObject({
    program: path.join(bin, "qemu-system-x86_64"),
    qemuImg: path.join(bin, "qemu-img"),
    accelerator: "kvm",
    firmware: undefined,
    problems: [],
  });
  const argv = await argvOf();
  expect(argv.slice(0, 2)).toEqual(["-nodefaults", "-no-user-config"]);
  expect(argv[argv.indexOf("-accel") + 1]).toBe("kvm");
  expect(argv[argv.indexOf("-cpu") + 1]).toBe("host");
  expect(argv[argv.indexOf("-bios") + 1]).toMatch(/berth-probe-[^/]+\/bios\.bin$/);
  expect((await readFile(path.join(bin, "qemu-system-x86_64.bios"))).length).toBe(65_536);
  expect(await readdir(tmp)).toEqual([]);
});

test.each([
  ["kvm", "kvm"],
  ["tcg", "tcg"],
  ["hvf", "tcg"],
  ["whpx", "tcg"],
] as const)("on Linux, who asks for %s gets %s", async (wanted, accelerator) => {
  await fake("qemu-img", "exit 0");
  await fake("qemu-system-x86_64", VERSION, RIGHT);
  expect(await probeToolchain(ctx(), LINUX, "x86_64", wanted)).toMatchObject({ accelerator, problems: [] });
});

test("guests of another architecture are emulated, without a try", async () => {
  await fake("qemu-img", "exit 0");
  await fake("qemu-system-x86_64", VERSION, noted(), "exit 1");
  const host: Host = { platform: "linux", arch: "aarch64" };
  expect(await probeToolchain(ctx(), host, "x86_64", "auto")).toMatchObject({
    accelerator: "tcg",
    problems: [{ code: "other-architecture", severity: "info" }],
  });
  await expect(argvOf()).rejects.toMatchObject({ code: "ENOENT" });
});

test("on a Mac the payload is tried by HVF, and its failure told with HVF's way out", async () => {
  await fake("qemu-img", "exit 0");
  await fake("qemu-system-x86_64", VERSION, noted(), 'echo "Error: ret = HV_DENIED" >&2', "exit 1");
  expect(await probeToolchain(ctx(), MAC, "x86_64", "auto")).toMatchObject({
    accelerator: "tcg",
    problems: [
      {
        code: "accelerator-unusable",
        message: "HVF does not work on this host: Error: ret = HV_DENIED",
        hint: expect.stringContaining("Hypervisor framework"),
      },
    ],
  });
  expect(await argvOf()).toContain("hvf");
});

test("a guest that is ended in silence is told by how it ended", async () => {
  await fake("qemu-img", "exit 0");
  await fake("qemu-system-x86_64", VERSION, "kill -KILL $$");
  expect(await probeToolchain(ctx(), LINUX, "x86_64", "auto")).toMatchObject({
    accelerator: "tcg",
    problems: [{ message: expect.stringContaining("SIGKILL") }],
  });
  expect(await readdir(tmp)).toEqual([]);
});

test("the right status without a word is not taken", async () => {
  await fake("qemu-img", "exit 0");
  await fake("qemu-system-x86_64", VERSION, "exit 33");
  const found = await probeToolchain(ctx(), LINUX, "x86_64", "auto");
  expect(found).toMatchObject({ accelerator: "tcg", problems: [{ code: "accelerator-unusable" }] });
  expect(await readdir(tmp)).toEqual([]);
});

test("a program that pours out words without end is ended too", async () => {
  await fake("qemu-img", "exit 0");
  await fake("qemu-system-x86_64", VERSION, noted(), "exec yes accelerator");
  const started = performance.now();
  const found = await probeToolchain(ctx(), LINUX, "x86_64", "auto");
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(found).toMatchObject({ accelerator: "tcg" });
  expect(isAlive(Number(await readFile(path.join(directory, "pid"), "utf8")))).toBe(false);
  expect(await readdir(tmp)).toEqual([]);
});

test("a look that is called off ends its guest, keeps the reason and leaves nothing", async () => {
  await fake("qemu-img", "exit 0");
  await fake("qemu-system-x86_64", VERSION, noted(), "exec sleep 60");
  const controller = new AbortController();
  const look = probeToolchain(ctx(controller.signal), LINUX, "x86_64", "auto");
  look.catch(() => {});
  await vi.waitFor(() => argvOf(), { timeout: 5_000 });
  controller.abort(new Error("called off"));
  await expect(look).rejects.toThrow("called off");
  expect(isAlive(Number(await readFile(path.join(directory, "pid"), "utf8")))).toBe(false);
  expect(await readdir(tmp)).toEqual([]);
});

test("what an engine that was killed has left of its look goes with the next one's", async () => {
  await fake("qemu-img", "exit 0");
  await fake("qemu-system-x86_64", VERSION, RIGHT);
  const scratch = path.join(directory, "scratch");
  await mkdir(path.join(scratch, "berth-probe-old"), { recursive: true });
  const found = await new Toolchains(LINUX, () => "auto", scratch).probe(ctx(), "x86_64");
  expect(found).toMatchObject({ accelerator: "kvm" });
  expect([await readdir(scratch), await readdir(tmp)]).toEqual([[], []]);
});

/** Programs in the platform's own folders are found without PATH, so this can be asked only where there are none. */
const bare = async (name: string) => {
  vi.stubEnv("PATH", bin);
  return (await findProgram(name, "darwin")) === undefined;
};

test("without any QEMU it is named, with the platform's way to get it", async ({ skip }) => {
  if (!(await bare("qemu-system-x86_64"))) skip("QEMU lies in a Mac's folder here");
  const found = await probeToolchain(ctx(), MAC, "x86_64", "auto");
  expect(found).toEqual({
    missing: {
      code: "qemu-missing",
      severity: "error",
      message: "qemu-system-x86_64 is not installed",
      hint: "Install it: brew install qemu",
    },
  });
});

test("arm64 guests without firmware are refused, and QEMU is not even started", async ({ skip }) => {
  if (await findFirmware("darwin", "aarch64")) skip("there is firmware in a Mac's folder here");
  await fake("qemu-img", "exit 0");
  await fake("qemu-system-aarch64", noted(), VERSION);
  const host: Host = { platform: "darwin", arch: "aarch64" };
  expect(await probeToolchain(ctx(), host, "aarch64", "auto")).toMatchObject({
    missing: { code: "firmware-missing", severity: "error" },
  });
  await expect(argvOf()).rejects.toMatchObject({ code: "ENOENT" });
});
