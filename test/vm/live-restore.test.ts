/**
 * A real QEMU whose guest boots from a backup before its data is there: a boot sector that writes to its disk without pause. The
 * engine is killed meanwhile, and then QEMU; in the end the disks need nothing else.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Backup } from "../../src/api/backup.ts";
import { hostArch } from "../../src/base/paths.ts";
import { signalProcess } from "../../src/base/process-identity.ts";
import { run } from "../../src/base/run.ts";
import { Berth, gone } from "../support/berth.ts";
import { isoOf, scribbleProgram } from "../support/tiny-iso.ts";

type Info = { state: string; berth: { id: string; problems: { code: string }[]; disks: { id: string }[] } };

let berth: Berth;
let place: string;

beforeAll(async () => {
  place = await mkdtemp(path.join(tmpdir(), "berth-vm-live-"));
  berth = await Berth.make();
  await berth.ok(["keys", "init", "--passphrase-file", "-"], { input: "correct horse\n" });
});
afterAll(async () => {
  await berth?.dispose();
  await rm(place, { recursive: true, force: true });
});

async function info(name: string): Promise<Info> {
  const { info } = (await berth.json(["info", name])) as { info: Record<string, Info> };
  const found = info[name];
  if (!found) throw new Error(`no info on ${name}`);
  return found;
}

async function filesOf(name: string): Promise<[first: string, data: string]> {
  const { id, disks } = (await info(name)).berth;
  const directory = path.join(berth.home, "data", "instances", id);
  return [path.join(directory, "disk.qcow2"), path.join(directory, `disk-${disks[0]?.id}.qcow2`)];
}

/** Nobody tells when a guest without an agent has written something. */
async function grows(file: string): Promise<void> {
  const { blocks } = await stat(file);
  while ((await stat(file)).blocks < blocks + 256) await delay(200);
}

const awaits = async (name: string) =>
  (await info(name)).berth.problems.some(({ code }) => code === "data-awaited");

/** The next engine has no key yet, and finds that out by itself. */
async function hasProblem(name: string, wanted: string): Promise<void> {
  while (!(await info(name)).berth.problems.some(({ code }) => code === wanted)) await delay(200);
}

async function killed(pid: number | undefined): Promise<void> {
  signalProcess(pid ?? 0, "SIGKILL");
  await gone(pid ?? 0);
}

test.runIf(hostArch() === "x86_64")(
  "a guest runs at once, whoever is killed while its data comes",
  async () => {
    const content = path.join(place, "content.raw");
    await writeFile(content, randomBytes(96 * 2 ** 20));
    await truncate(content, 512 * 2 ** 20);
    const iso = await isoOf(path.join(place, "scribble.iso"), scribbleProgram());
    const sizes = ["--disk", "512M", "--memory", "128M"];
    const disk = ["--extra-disk", `name=data,format=raw,from=${content}`];
    await berth.ok(["launch", "--iso", iso, "--name", "web", ...sizes, ...disk]);
    const [, data] = await filesOf("web");
    await grows((await filesOf("web"))[0]);
    await berth.ok(["stop", "--force", "web"]);
    await berth.ok(["repository", "init", "main", path.join(place, "main")]);
    await berth.ok(["backup", "create", "web"]);
    const { backups } = (await berth.json(["backup", "list"])) as { backups: Backup[] };
    const id = backups[0]?.id.slice(0, 8) ?? "";
    await berth.ok(["set", "backups.rate=8M"]);
    const said = await berth.ok(["backup", "restore", id, "--as", "new", "--live"]);
    expect(said).toContain("Restored: new. It runs, and the rest of its data follows");
    expect(await info("new")).toMatchObject({ state: "Running" });
    expect(await awaits("new")).toBe(true);
    const refused = await berth.run(["backup", "create", "new"]);
    expect(refused.stderr).toMatch(/its data is still on the way from the backup [0-9a-f]{8} \(\d+ %\)/);
    const [first, second] = await filesOf("new");
    await grows(first);

    await killed(await berth.enginePid());
    const { problems } = (await info("new")).berth;
    expect(problems.map(({ code }) => code)).toContain("data-awaited");
    await hasProblem("new", "data-unreachable");
    await berth.ok(["keys", "unlock", "--passphrase-file", "-"], { input: "correct horse\n" });
    await grows(first);
    await killed((await berth.qemuPids())[0]);
    while ((await info("new")).state !== "Stopped") await delay(200);
    for (const file of [first, second]) await run(["qemu-img", "check", "-q", file]);
    await berth.ok(["set", "backups.rate="]);
    await berth.ok(["start", "new"]);
    while (await awaits("new")) await delay(500);
    await grows(first);
    await berth.ok(["stop", "--force", "new"]);
    for (const file of [first, second]) {
      await run(["qemu-img", "check", "-q", file]);
      expect((await run(["qemu-img", "info", file])).stdout).not.toContain("backing");
    }
    await run(["qemu-img", "compare", "-q", "-f", "qcow2", "-F", "qcow2", data, second]);
  },
);
