/** Guests of other kinds: installed from an ISO, booted by UEFI, with a TPM, of another architecture. */
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostArch } from "../../src/base/paths.ts";
import { isAlive, signalProcess } from "../../src/base/process-identity.ts";
import { connect } from "../../src/client/connect.ts";
import { Berth, gone } from "../support/berth.ts";
import { testImage } from "../support/guest-image.ts";
import { RfbViewer } from "../support/rfb-viewer.ts";
import { tinyIso } from "../support/tiny-iso.ts";

type Info = {
  state: string;
  berth: { id: string; ready: boolean; screen?: string; problems: { code: string }[] };
};

let berth: Berth;

beforeAll(async () => {
  berth = await Berth.make();
});
afterAll(() => berth?.dispose());

async function info(name: string): Promise<Info> {
  const { info } = (await berth.json(["info", name])) as { info: Record<string, Info> };
  const found = info[name];
  if (!found) throw new Error(`no info on ${name}`);
  return found;
}

/** The serial port is all that such a guest says; nobody tells when it does. */
async function saysOn(name: string, words: RegExp): Promise<string> {
  for (;;) {
    const log = await berth.ok(["log", name]);
    if (words.test(log)) return log;
    expect((await info(name)).state, log).toBe("Running");
    await delay(1000);
  }
}

async function inDirectory(name: string, file: string): Promise<string> {
  return path.join(berth.home, "data", "instances", (await info(name)).berth.id, file);
}

/** Of the swtpm beside the instance's QEMU. */
async function tpmPid(name: string): Promise<number> {
  const record = await readFile(await inDirectory(name, "run.json"), "utf8");
  return (JSON.parse(record) as { tpm: { process: { pid: number } } }).tpm.process.pid;
}

/** Looks at its screen, through the engine, as so many viewers at once, and types. Something is to be seen. */
async function seen(instance: string, viewers: number): Promise<void> {
  const client = await connect({ env: berth.env });
  try {
    const all = Array.from({ length: viewers }, () => client.display(instance));
    for (const display of await Promise.all(all)) {
      const viewer = await RfbViewer.begin(display);
      viewer.key(0x20, true);
      viewer.key(0x20, false);
      const { name, width, height, pixels } = await viewer.picture();
      expect([name, width >= 640, height >= 400]).toEqual([`QEMU (${instance})`, true, true]);
      const colours = new Set(Array.from({ length: width * height }, (_, at) => pixels.readUInt32LE(at * 4)));
      expect(colours.size).toBeGreaterThan(1);
      display.close();
    }
  } finally {
    client.dispose();
  }
}

const inside = (name: string, script: string) => berth.ok(["exec", name, "--", "sudo", "sh", "-ec", script]);

test("an installer boots while the disk is empty; the guest runs, and says that nobody is in it", async () => {
  const iso = await tinyIso(path.join(berth.home, "in, staller.iso"), "HELLO FROM THE INSTALLER");
  await berth.ok(["launch", "--iso", iso, "--name", "win", "--disk", "1G", "--memory", "256M"]);
  const { state, berth: own } = await info("win");
  expect([state, own.ready]).toEqual(["Running", false]);
  expect((await stat(own.screen ?? "")).mode & 0o777).toBe(0o600);
  await saysOn("win", /HELLO FROM THE INSTALLER/);
  for (const args of [
    ["exec", "win", "--", "true"],
    ["shell", "win"],
    ["transfer", "win:/etc/passwd", "-"],
  ]) {
    const refused = await berth.run(args);
    expect(refused.stderr).toContain("no cloud-init");
    expect(refused.stderr).toContain(`VNC viewer to the Unix socket ${own.screen}`);
    expect(refused.code).not.toBe(0);
  }
});

test("its screen is seen through the engine, with what the BIOS wrote there, by several at once", async () => {
  await seen("win", 2);
  const file = path.join(berth.home, "screen.png");
  await berth.ok(["screenshot", "win", file]);
  expect((await readFile(file)).subarray(1, 4).toString("latin1")).toBe("PNG");
});

test("a guest of cloud-init has a screen where that is asked for, from its first moment", async () => {
  const client = await connect({ env: berth.env });
  try {
    const image = `file://${(await testImage()).path}`;
    const launch = await client.api.instances.launch({ name: "desk", image, display: true });
    while ((await info("desk").catch(() => undefined))?.berth.screen === undefined) await delay(200);
    await seen("desk", 1);
    await client.api.operations.cancel({ id: launch.id });
    await client.watchOperation(launch).catch(() => {}); // It was cancelled; nothing of it is left.
    expect(await berth.ok(["list"])).not.toContain("desk");
  } finally {
    client.dispose();
  }
});

test("its ISO is ejected and another one inserted while it runs, and it survives its engine", async () => {
  const other = await tinyIso(path.join(berth.home, "other.iso"), "HELLO FROM THE OTHER");
  const pid = await berth.enginePid();
  if (pid !== undefined) {
    signalProcess(pid, "SIGKILL");
    await gone(pid);
  }
  expect((await info("win")).state).toBe("Running");
  await berth.ok(["iso", "win", "eject"]);
  await berth.ok(["iso", "win", other]);
  await berth.ok(["stop", "--force", "win"]);
  await berth.ok(["start", "win"]);
  await saysOn("win", /HELLO FROM THE OTHER/);
  await berth.ok(["suspend", "win"]);
  await berth.ok(["start", "win"]);
  expect((await info("win")).state).toBe("Running");
  await berth.ok(["stop", "--force", "win"]);
  await berth.ok(["disk", "add", "win", "1G"]);
  await berth.ok(["start", "win"]);
  await saysOn("win", /HELLO FROM THE OTHER/);
  await berth.ok(["delete", "--purge", "win"]);
});

test("what no machine can be made of is refused before anything is made", async () => {
  const text = path.join(import.meta.dirname, "other-guests.test.ts");
  const refused = async (message: RegExp, ...args: string[]) => {
    const { code, stderr } = await berth.run(["launch", ...args]);
    expect(stderr).toMatch(message);
    expect(code).not.toBe(0);
  };
  await refused(/is not an ISO/, "--iso", text);
  await refused(/does not exist/, "--iso", "/nonesuch.iso");
  const iso = await tinyIso(path.join(berth.home, "good.iso"), "unused");
  await refused(/has no CD-ROM drive/, "--iso", iso, "--guest", "linux");
  await refused(/is not a known architecture/, "--arch", "sparc");
  await refused(/boot by UEFI only/, "--iso", iso, "--arch", "arm64", "--firmware", "bios");
  expect(await berth.ok(["list"])).toBe("No instances found.\n");
});

test("Windows' kind of machine comes up with Secure Boot and a TPM, which ends with it", async () => {
  const iso = await tinyIso(path.join(berth.home, "unsigned.iso"), "unused");
  const secure = ["--guest", "windows", "--firmware", "uefi-secure", "--tpm"];
  await berth.ok(["launch", "--iso", iso, "--name", "secure", ...secure, "--disk", "1G", "--memory", "512M"]);
  await saysOn("secure", /BdsDxe|UEFI/);
  const tpm = await tpmPid("secure");
  expect(isAlive(tpm)).toBe(true);
  await berth.ok(["stop", "--force", "secure"]);
  await gone(tpm);
  await berth.ok(["delete", "--purge", "secure"]);
});

test("a Linux guest boots by UEFI and has a TPM; a suspend keeps it, a clone boots with its variables", async () => {
  const image = `file://${(await testImage()).path}`;
  await berth.ok(["launch", image, "--name", "efi", "--cpus", "2", "--firmware", "uefi", "--tpm"]);
  const variable = "/sys/firmware/efi/efivars/Berth-3f0f6c9e-0000-4000-8000-000000000001";
  expect(await inside("efi", "test -d /sys/firmware/efi && echo yes")).toBe("yes\n");
  const bootLog = await inside(
    "efi",
    "ls /sys/class/tpm 2>/dev/null; ls -d /sys/bus/acpi/devices/MSFT0101:00",
  );
  expect(bootLog).toContain("MSFT0101:00");
  await inside("efi", `printf '\\007\\000\\000\\000kept' > ${variable}`);
  const boot = await inside("efi", "cat /proc/sys/kernel/random/boot_id");
  await berth.ok(["suspend", "efi"]);
  await berth.ok(["start", "efi"]);
  expect(await inside("efi", "cat /proc/sys/kernel/random/boot_id")).toBe(boot);
  expect(isAlive(await tpmPid("efi"))).toBe(true);
  await berth.ok(["stop", "efi"]);
  await berth.ok(["clone", "efi", "--name", "copy"]);
  const variables = await readFile(await inDirectory("copy", "uefi-vars.fd"));
  for (const word of [Buffer.from("Berth", "utf16le"), "kept"]) expect(variables.includes(word)).toBe(true);
  // It boots with them, too: more than its kernel's first words is nothing of its firmware.
  const starting = berth.run(["start", "copy"]);
  const said = async () => (await berth.run(["log", "copy"])).stdout;
  await expect.poll(said, { timeout: 120_000, interval: 1000 }).toContain("efi: EFI v");
  expect(isAlive(await tpmPid("copy"))).toBe(true);
  await berth.ok(["stop", "--force", "copy"]);
  await starting;
  await berth.ok(["delete", "--purge", "copy", "efi"]);
});

test("a machine of the other architecture is emulated, and says so", async () => {
  const arm = hostArch() === "x86_64";
  const iso = await tinyIso(path.join(berth.home, "any.iso"), "unused");
  const arch = arm ? "arm64" : "x86_64";
  const firmware = arm ? [] : ["--firmware", "uefi"];
  await berth.ok(["launch", "--arch", arch, "--iso", iso, "--name", "other", ...firmware, "--disk", "1G"]);
  expect((await info("other")).berth.problems.map(({ code }) => code)).toContain("other-architecture");
  expect(await berth.ok(["list"])).toContain(`(${arch})`);
  // The firmware's own shell, when neither the disk nor the ISO has anything for it.
  await saysOn("other", /UEFI Interactive Shell|BdsDxe|EDK/i);
});
