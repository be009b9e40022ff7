/** Snapshots in a real qcow2 file: nine of them in a tree, removals in the middle, contents told by their checksums. */
import { createHash, randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../../../src/base/run.ts";
import type { Ctx } from "../../../../src/engine/ctx.ts";
import type { DriverInstance } from "../../../../src/engine/drivers/driver.ts";
import { QemuSnapshots } from "../../../../src/engine/drivers/qemu/snapshots.ts";
import { silentLog } from "../../../../src/engine/log.ts";

let directory: string;
let disk: string;
const instance = {} as DriverInstance;
const ctx: Ctx = { signal: AbortSignal.timeout(60_000), progress: () => {}, log: silentLog };
const snapshots = new QemuSnapshots(
  async () => "qemu-img",
  () => ({ disks: [disk], small: [path.join(directory, "vars.fd")] }),
);

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-qcow2-"));
  disk = path.join(directory, "disk.qcow2");
  const base = path.join(directory, "base.qcow2");
  await run(["qemu-img", "create", "-q", "-f", "qcow2", base, "64M"]);
  await run(["qemu-io", "-c", "write -P 7 0 4M", base]);
  await run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, disk, "64M"]);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const write = (pattern: number, at: string) => run(["qemu-io", "-c", `write -P ${pattern} ${at} 1M`, disk]);

/** Of what a guest would read. */
async function checksum(): Promise<string> {
  const raw = path.join(directory, "raw");
  await run(["qemu-img", "convert", "-O", "raw", disk, raw]);
  return createHash("sha256")
    .update(await readFile(raw))
    .digest("hex");
}

test("nine snapshots, two branches; whatever goes from the middle, the rest are what they were", async () => {
  const kept = new Map<string, string>();
  const ids: string[] = [];
  const take = async (pattern: number, at: string) => {
    await write(pattern, at);
    const id = randomUUID();
    await snapshots.take(ctx, instance, id);
    kept.set(id, await checksum());
    ids.push(id);
  };
  for (let n = 1; n <= 5; n += 1) await take(n, `${n * 2}M`);
  await snapshots.restore(ctx, instance, ids[1] ?? "");
  for (let n = 6; n <= 9; n += 1) await take(n, `${n}M`);
  expect(new Set(kept.values()).size).toBe(9);

  for (const index of [2, 6, 1, 7]) {
    const id = ids[index] ?? "";
    await snapshots.remove(ctx, instance, id);
    kept.delete(id);
    for (const [left, sum] of kept) {
      await snapshots.restore(ctx, instance, left);
      expect(await checksum()).toBe(sum);
    }
  }
  const { stdout } = await run(["qemu-img", "check", "--output=json", disk]);
  expect(JSON.parse(stdout)).toMatchObject({ "check-errors": 0 });
}, 120_000);

test("a disk that has grown since goes back to the size it had", async () => {
  const id = randomUUID();
  const size = async () =>
    (
      JSON.parse((await run(["qemu-img", "info", "--output=json", disk])).stdout) as {
        "virtual-size": number;
      }
    )["virtual-size"];
  await snapshots.take(ctx, instance, id);
  await run(["qemu-img", "resize", "-q", disk, "96M"]);
  await snapshots.restore(ctx, instance, id);
  expect(await size()).toBe(64 * 2 ** 20);
});

test("what is not a disk is an error in qemu-img's words", async () => {
  await rm(disk);
  await expect(snapshots.take(ctx, instance, randomUUID())).rejects.toThrow(/disk\.qcow2/);
});
