/** Backups of containers of a real Docker and a real Podman, which restic finds good, and containers that are made of them. */
import { mkdtemp, readFile, readlink, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backup } from "../../src/api/backup.ts";
import { run } from "../../src/base/run.ts";
import { readTar, type TarEntry } from "../../src/base/tar/read.ts";
import { plainFile, TAR_END, tarEntry } from "../../src/base/tar/write.ts";
import type { DriverInstance } from "../../src/engine/drivers/driver.ts";
import type { TreeSupport } from "../../src/engine/drivers/trees.ts";
import { ctx } from "../contract/driver.ts";
import type { Berth } from "../support/berth.ts";
import { containerCommands } from "../support/container-commands.ts";
import { loadImage, makeImage } from "../support/container-image.ts";
import { type ContainerWorld, containerWorld, shellIn } from "../support/container-world.ts";

const IMAGE = "localhost/berth-backup:1";
/** What of a container's files must be as it was: all but when directories were changed. */
const LIST = `
for file in $(busybox find /root /data /anonymous /etc/passwd /etc/made | busybox sort); do
  stat -c '%n %f %u %g' $file
  if [ -L $file ]; then readlink $file
  elif [ -f $file ]; then stat -c '%h %s %Y' $file; busybox md5sum < $file
  fi
done`;
const CHANGE = `
echo secret > /root/file; chown 7:8 /root/file; chmod 4750 /root/file; ln /root/file /root/second
ln -s ../etc/passwd /root/link; ln -s /nowhere /root/dangling; busybox mkfifo /root/pipe
busybox mknod /root/null c 1 3; mkdir -m 1777 /etc/made; echo '' > '/root/ünï'
dd if=/dev/urandom of=/root/large bs=100000 count=17 2>/dev/null; touch /root/empty
rm /etc/group; echo root::0:0::/root:/bin/sh > /etc/passwd
echo odd > /root/.wh.empty; mkdir /root/.wh.d; echo deep > /root/.wh.d/f
chown 70:70 /data; chmod 700 /data; echo rows > /data/rows; chown 70 /data/rows; ln /data/rows /data/again
echo kept > /anonymous/kept`;

const world = containerCommands();

describe.each(["docker", "podman"] as const)("%s", (runtime) => {
  let berth: Berth;
  let place: string;
  let driven: ContainerWorld;
  let restic: (...argv: string[]) => Promise<string>;

  const api = () => world.runtimes[runtime].api;
  const image = () => makeImage({ volumes: ["/anonymous"], labels: { of: "the image" } });
  const removeImage = () => api().json(ctx(), "DELETE", `/images/${IMAGE}`, { query: { force: "true" } });

  beforeAll(async () => {
    place = await mkdtemp(path.join(tmpdir(), "berth-container-backup-"));
    await loadImage(api(), await image(), IMAGE);
    berth = await world.berthOn(runtime);
    driven = await containerWorld(world.runtimes[runtime]);
    await berth.ok(["keys", "init", "--passphrase-file", "-"], { input: "correct horse\n" });
    const made = await berth.ok(["repository", "init", "main", path.join(place, "main")]);
    const password = /^Password: +(\S+)$/m.exec(made)?.[1] ?? "";
    const env = { RESTIC_PASSWORD: password, RESTIC_CACHE_DIR: path.join(place, "cache") };
    restic = async (...argv) =>
      (await run(["restic", "-r", path.join(place, "main"), ...argv], { env })).stdout;
  });
  afterAll(async () => {
    await berth?.run(["delete", "--purge", "--all"]);
    await berth?.dispose();
    await driven?.dispose();
    for (const name of (await driven?.volumes()) ?? [])
      if (/^data/.test(name)) await driven.removeVolume(name);
    await rm(place, { recursive: true, force: true });
  });

  const backups = async () => ((await berth.json(["backup", "list"])) as { backups: Backup[] }).backups;
  const latest = async () => (await backups()).at(-1) as Backup;
  const shell = (name: string, script: string) => berth.ok(["exec", name, "--", "sh", "-c", script]);

  test("one that runs is backed up as it is, and restic reads its files", async () => {
    const options = [
      "--name",
      "web",
      "--volume",
      "data:/data",
      "-e",
      "TOKEN=canary-4711",
      "--memory",
      "256M",
    ];
    await berth.ok([
      "launch",
      `${runtime}:${IMAGE}`,
      ...options,
      "--",
      "sh",
      "-c",
      "trap 'exit 0' TERM; while :; do sleep 1; done",
    ]);
    await shell("web", CHANGE);
    const made = await berth.run(["backup", "create", "web"]);
    expect(made).toMatchObject({ code: 0, stderr: expect.not.stringContaining("root's") });
    expect(await driven.volumes()).toHaveLength(2);
    expect(await latest()).toMatchObject({ consistency: "paused", instance: { name: "web" } });
    expect(await shell("web", "echo on")).toBe("on\n");
    expect(await restic("check", "--read-data")).toContain("no errors were found");
    expect(await restic("dump", "latest", "/rootfs/root/file")).toBe("secret\n");
    expect(await restic("dump", "latest", "/volumes/data/rows")).toBe("rows\n");
    expect(await restic("dump", "latest", "/instance.json")).not.toContain("canary-4711");
    expect(await restic("ls", "latest")).not.toMatch(/^\/rootfs\/etc\/group$/m);
    const target = path.join(place, "restored");
    await restic("restore", "latest", "--target", target);
    const root = path.join(target, "rootfs", "root");
    const file = await stat(path.join(root, "file"));
    expect({ mode: file.mode & 0o7777, uid: file.uid, gid: file.gid, links: file.nlink }).toEqual({
      ...{ mode: 0o4750, uid: 7, gid: 8, links: 2 },
    });
    expect((await stat(path.join(root, "second"))).ino).toBe(file.ino);
    expect(await readlink(path.join(root, "link"))).toBe("../etc/passwd");
    expect((await readFile(path.join(root, "large"))).length).toBe(1_700_000);
  });

  test("single files come out of it at once, to this host and to a container", async () => {
    const id = (await latest()).id.slice(0, 8);
    expect(await berth.ok(["backup", "files", id, "/data"])).toMatch(/\b5 .* again\n.*\b5 .* rows\n$/);
    expect(await berth.ok(["backup", "get", id, "/data/rows", "-"])).toBe("rows\n");
    expect(await berth.ok(["backup", "get", id, "/rows", "-", "--volume", "data"])).toBe("rows\n");
    const target = path.join(place, "got");
    await berth.ok(["backup", "get", id, "/root", target]);
    expect(await readFile(path.join(target, ".wh.d", "f"), "utf8")).toBe("deep\n");
    expect(await readlink(path.join(target, "link"))).toBe("../etc/passwd");
    expect((await readFile(path.join(target, "large"))).length).toBe(1_700_000);
    await berth.ok(["backup", "get", id, "/root/file", "web:/tmp-file"]);
    expect(await shell("web", "cat /tmp-file; rm /tmp-file")).toBe("secret\n");
    const missing = await berth.run(["backup", "get", id, "/nowhere", target]);
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining("/nowhere") });
  });

  test("where it, its volumes and its image are gone, a new one is what it was", async () => {
    const before = await shell("web", LIST);
    expect(before).toContain("/root/second 89e8 7 8");
    const { id } = await latest();
    await berth.ok(["delete", "--purge", "web"]);
    await driven.removeVolume("data");
    await removeImage();
    await berth.ok(["backup", "restore", id.slice(0, 8), "-e", "TOKEN=another"]);
    await berth.ok(["start", "web"]);
    expect(await shell("web", LIST)).toBe(before);
    expect(await shell("web", "test -e /etc/group || echo gone; echo $TOKEN; cat /anonymous/kept")).toBe(
      "gone\nanother\nkept\n",
    );
    expect(await berth.ok(["info", "web"])).toMatch(/256MiB|256\.0MiB/);
  });

  test("what was restored is backed up again, at rest, and adds next to nothing", async () => {
    await berth.ok(["stop", "web"]);
    await berth.ok(["backup", "create", "web", "--protect"]);
    const again = await latest();
    expect(again).toMatchObject({ consistency: "offline", isProtected: true });
    expect(again.addedBytes).toBeLessThan(1_000_000);
    expect(await restic("check", "--read-data")).toContain("no errors were found");
    await berth.ok(["backup", "verify", again.id.slice(0, 8)]);
    expect(await restic("forget", "--keep-last", "1", "--group-by", "", "--prune")).toContain("1 snapshots");
    await berth.ok(["backup", "restore", again.id.slice(0, 8), "--as", "twin"]);
    await berth.ok(["start", "web", "twin"]);
    await shell("twin", "echo other > /data/rows");
    expect(await shell("web", "cat /data/rows")).toBe("rows\n");
  });

  test("a drill proves it, and leaves nothing of itself", async () => {
    const { id } = await latest();
    const before = (await driven.volumes()).sort();
    expect(await berth.ok(["backup", "drill", id.slice(0, 8)])).toContain("Proven");
    expect((await latest()).drilledAt).toBeDefined();
    expect((await driven.volumes()).sort()).toEqual(before);
    const { list } = (await berth.json(["list"])) as { list: { name: string }[] };
    expect(list.map(({ name }) => name).sort()).toEqual(["twin", "web"]);
  });

  test("in its place it is what it was, and what it was is gone back to", async () => {
    const id = (await latest()).id.slice(0, 8);
    const then = await shell("web", LIST);
    // Of the first its runtime's own layers cannot tell.
    const change =
      "rm /root/.wh.empty; rm -r /etc/made /root/link; echo new > /root/new; echo 2 > /data/rows; rm /anonymous/kept";
    await shell("web", change);
    const changed = await shell("web", LIST);
    expect(changed).not.toBe(then);
    const inPlace = ["backup", "restore", id, "--in-place"];
    expect(await berth.run(inPlace)).toMatchObject({ code: 2, stderr: expect.stringContaining("running") });
    await berth.ok(["stop", "web"]);
    const { stderr } = await berth.run(inPlace);
    expect(stderr).toMatch(/its old ones stay as they are: \/data is data-/);
    await berth.ok(["start", "web"]);
    expect(await shell("web", LIST)).toBe(then);
    expect(await shell("web", "test -e /root/new || echo gone; echo $TOKEN")).toBe("gone\nanother\n");

    await berth.ok(["stop", "web"]);
    await berth.ok(["restore", "web.before-restore-1", "--destructive"]);
    await berth.ok(["start", "web"]);
    expect(await shell("web", LIST)).toBe(changed);
    await berth.ok(["stop", "web"]);
    await berth.ok(inPlace);
    await berth.ok(["delete", "--purge", "web.before-restore-1"]);
    await berth.ok(["start", "web"]);
    expect(await shell("web", LIST)).toBe(then);
    await berth.ok(["delete", "--purge", "web", "twin"]);
    const unnamed = (await driven.volumes()).filter((name) => /^[0-9a-f]{64}$/.test(name));
    expect(unnamed).toEqual([]);
  });

  const treesOf = (): TreeSupport => {
    if (!driven.driver.trees) throw new Error("it has no trees");
    return driven.driver.trees;
  };
  const entriesOf = async (instance: DriverInstance) => {
    const open = await treesOf().open(ctx(), instance);
    const found = new Map<string, TarEntry>();
    for await (const entry of readTar((await open.root(ctx())).bytes))
      found.set(entry.name.replace(/^\.?\//, ""), entry);
    await open.close(ctx());
    return found;
  };

  test("one that an engine has left halted goes on with the next, and one that its user has paused does not", async () => {
    const { instance, running } = await driven.started("halted");
    const open = await treesOf().open(ctx(), instance);
    expect(open.isLive).toBe(true);
    await open.halt(ctx());
    expect(await open.consistency(ctx())).toBe("paused");
    const adopted = await driven.anotherDriver().attach(ctx(), instance);
    expect(adopted?.paused).toBe(false);
    expect(await open.consistency(ctx())).toBe("live");
    await running.pause?.(ctx());
    const again = await driven.anotherDriver().attach(ctx(), instance);
    expect(again?.paused).toBe(true);
    await open.close(ctx());
    expect((await driven.anotherDriver().attach(ctx(), instance))?.paused).toBe(true);
    await running.unpause?.(ctx());
    expect(await shellIn(running, "echo on")).toBe("on\n");
  });

  test("what a file may do is kept, where its runtime tells it", async () => {
    const { instance } = await driven.started("capable");
    const value = Buffer.from("0000000200040000000000000000000000000000", "hex");
    const header = {
      ...plainFile("capable", 2),
      mode: 0o755,
      xattrs: [{ name: "security.capability", value }],
    };
    const body = Readable.from([await buffer(tarEntry(header, [Buffer.from("x\n")])), TAR_END]);
    const id = await driven.idOf(instance);
    const answer = await api().stream(ctx(), "PUT", `/containers/${id}/archive`, {
      query: { path: "/" },
      body,
    });
    await buffer(answer);
    expect((await entriesOf(instance)).get("capable")?.xattrs).toEqual([
      { name: "security.capability", value },
    ]);
  });

  test("volumes of one that never came to be go with it, and those of others stay", async () => {
    const instance = await driven.created("half");
    const source = driven.running(["sleep", "9999"]).container;
    const half = await driven.instance("never", {
      container: { ...source, volumes: [{ name: "data-half", target: "/data" }] },
    });
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield await buffer(tarEntry(plainFile("a", 1), [Buffer.from("x")]));
      throw new Error("the repository is away");
    }
    const volume = { name: "data-half", target: "/data", isAnonymous: false, bytes: failing };
    await expect(treesOf().make(ctx(), half, { volumes: [volume] })).rejects.toThrow(
      "the repository is away",
    );
    expect(await driven.volumes()).toContain("data-half");
    await driven.driver.delete(ctx(), half);
    expect(await driven.volumes()).not.toContain("data-half");
    expect(await driven.leftOf(half)).toEqual({ containers: 0, images: 0 });
    expect(await driven.leftOf(instance)).toMatchObject({ containers: 1 });

    const kept = crypto.randomUUID();
    await driven.driver.snapshots?.take(ctx(), instance, kept);
    const before = await driven.idOf(instance);
    const inPlace = { volumes: [volume], takesPlace: true };
    await expect(treesOf().make(ctx(), instance, inPlace)).rejects.toThrow("the repository is away");
    expect(await driven.idOf(instance)).toBe(before);
    expect(await driven.volumes()).toContain("data-half");
    await driven.driver.snapshots?.restore(ctx(), instance, kept);
    expect(await driven.volumes()).not.toContain("data-half");
    expect(await driven.leftOf(instance)).toMatchObject({ containers: 1 });
  });
});
