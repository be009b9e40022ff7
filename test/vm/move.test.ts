/**
 * A real guest, made of a disk that another program has: to a file while it works, and from one engine to another and back,
 * with what it works on compared. One guest, booted three times.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../src/base/run.ts";
import { Berth } from "../support/berth.ts";
import { testImage } from "../support/guest-image.ts";
import { bundleProduct } from "../support/product-bundle.ts";

let bundle: Awaited<ReturnType<typeof bundleProduct>>;
let here: Berth;
let there: Berth;
let files: string;

beforeAll(async () => {
  files = await mkdtemp(path.join(tmpdir(), "berth-vm-move-"));
  bundle = await bundleProduct();
  [here, there] = [await Berth.make({}, bundle.cli), await Berth.make({}, bundle.cli)];
});
afterAll(async () => {
  await here?.dispose();
  await there?.dispose();
  await bundle?.dispose();
  await rm(files, { recursive: true, force: true });
}, 120_000);

const guest = (berth: Berth, script: string) => berth.ok(["exec", "web", "--", "sh", "-c", script]);
/** Counts on in a file, without a gap, until its guest stops. */
const WORK = "n=$(wc -l < work); while sleep 0.1; do n=$((n+1)); echo $n >> work; done";
const BEGIN = `touch work; nohup sh -c '${WORK}' > /dev/null 2>&1 & sleep 1`;
const LOOK = "cp work seen && sha256sum -c --quiet sum && seq $(wc -l < seen) | cmp - seen && wc -l < seen";
/** How far it has come, where no line is another than it should be. */
const counted = async (berth: Berth) => Number(await guest(berth, LOOK));

test("a disk becomes a guest, which is exported while it works; tar and an import have the same of it", async () => {
  const { path: disk, user } = await testImage();
  await here.ok(["import", "--disk", disk, "--name", "web", "--user", user, "--memory", "512M"]);
  await here.ok(["start", "web"]);
  await guest(here, `head -c 20000000 /dev/urandom > big && sha256sum big > sum && sync; ${BEGIN}`);
  const file = path.join(files, "web.berth");
  await here.ok(["export", "web", file]);
  await run(["tar", "-xf", file, "-C", files]);
  await there.ok(["import", file, "--name", "again"]);
  const instances = path.join(there.home, "data", "instances");
  const made = path.join(instances, (await readdir(instances))[0] ?? "", "disk.qcow2");
  const raw = path.join(files, "berth-vm", "disks", "disk.raw");
  const { stdout } = await run(["qemu-img", "compare", "-f", "raw", "-F", "qcow2", raw, made]);
  expect(stdout).toContain("Images are identical");
  await there.ok(["delete", "--purge", "again"]);
}, 300_000);

test("it moves to another engine and back while it works, and lacks nothing", async () => {
  const before = await counted(here);
  await here.ok(["move", "web", "--to", there.home, "--yes"]);
  expect(await here.ok(["list"])).toMatch(/^web +Stopped/m);
  const between = await counted(there);
  expect(between).toBeGreaterThanOrEqual(before);
  await here.ok(["move", "--confirm", "web"]);
  await here.ok(["purge"]);
  await guest(there, BEGIN);
  await there.ok(["move", "web", "--to", here.home, "--yes"]);
  expect(await counted(here)).toBeGreaterThan(between);
}, 600_000);
