/** Directories of this host in a real guest: read and written, through a reboot, an engine's death and a restart. */
import { createHash, randomBytes } from "node:crypto";
import { lstat, mkdir, readdir, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signalProcess } from "../../src/base/process-identity.ts";
import { type Berth, gone } from "../support/berth.ts";
import { FIRST_BOOT_DATA, type VmWorld, vmWorld } from "../support/vm-world.ts";

/** The catalog is Ubuntu's, the image is Debian's: the user that Ubuntu's images have is asked for. */
let world: VmWorld;
let berth: Berth;
let source: string;

beforeAll(async () => {
  world = await vmWorld({ BERTH_SETTING_ENGINE_IDLE_SECONDS: "5" });
  berth = world.berth;
  source = path.join(berth.home, "a project");
  await mkdir(path.join(source, "sub"), { recursive: true });
  await writeFile(path.join(source, "hello"), "from the host\n");
});
afterAll(async () => {
  await world?.dispose();
});

const inside = async (script: string, ...args: string[]) =>
  (await berth.ok(["exec", ...args, "web", "--", "bash", "-c", script])).trim();

/** Until the guest sees the host's file again: what comes back by itself tells nobody. */
async function seenAgain(): Promise<void> {
  const read = () => berth.run(["exec", "web", "--", "cat", "work/hello"]);
  await expect.poll(read, { timeout: 120_000, interval: 500 }).toMatchObject({ stdout: "from the host\n" });
}

test("a launch mounts; both sides see each other's changes", async () => {
  await berth.ok(["launch", "noble", "--name", "web", "--mount", `${source}:work`, "--cloud-init", "-"], {
    input: FIRST_BOOT_DATA,
  });
  expect(await inside("cat work/hello")).toBe("from the host");
  await inside(
    "echo from the guest > work/sub/answer; chmod 640 work/sub/answer; ln -s ../hello work/sub/up",
  );
  expect(await readFile(path.join(source, "sub/answer"), "utf8")).toBe("from the guest\n");
  expect((await stat(path.join(source, "sub/answer"))).mode & 0o777).toBe(0o640);
  expect(await readlink(path.join(source, "sub/up"))).toBe("../hello");
  expect(await inside("stat -c %U:%G work/hello; cat work/sub/up")).toBe("ubuntu:ubuntu\nfrom the host");
  const bytes = randomBytes(5_000_001);
  await writeFile(path.join(source, "random"), bytes);
  const sum = createHash("sha256").update(bytes).digest("hex");
  expect(await inside("sha256sum < work/random")).toContain(sum);
  await inside("cp work/random work/copy; mv work/copy work/moved; rm work/random");
  expect(
    createHash("sha256")
      .update(await readFile(path.join(source, "moved")))
      .digest("hex"),
  ).toBe(sum);
  expect(await readdir(source)).toEqual(["hello", "moved", "sub"]);
});

test("links of the host are the guest's own to follow, and lead nowhere on the host", async () => {
  await symlink("/etc/hostname", path.join(source, "absolute"));
  await symlink(path.join(source, "hello"), path.join(source, "inside"));
  expect(await inside("readlink work/absolute; cat work/absolute; cat work/inside")).toBe(
    "/etc/hostname\nweb\nfrom the host",
  );
  await rm(path.join(source, "absolute"));
});

test("commands run where the caller is, if that is mounted", async () => {
  const at = (cwd: string, ...args: string[]) =>
    berth.ok(["exec", ...args, "web", "--", "pwd"], { cwd }).then((out) => out.trim());
  expect(await at(path.join(source, "sub"))).toBe("/home/ubuntu/work/sub");
  expect(await at(path.join(source, "sub"), "-n")).toBe("/home/ubuntu");
  expect(await at(path.join(source, "sub"), "-d", "/etc")).toBe("/etc");
  expect(await at(berth.home)).toBe("/home/ubuntu");
});

test("a mount comes back after a reboot of the guest, and an engine that serves one does not leave", async () => {
  const bootId = () => berth.run(["exec", "web", "--", "cat", "/proc/sys/kernel/random/boot_id"]);
  const before = (await bootId()).stdout;
  await berth.run(["exec", "web", "--", "sudo", "reboot"]);
  const engine = await berth.enginePid();
  const changed = async () => {
    const { code, stdout } = await bootId();
    return code === 0 && stdout !== before;
  };
  await expect.poll(changed, { timeout: 120_000, interval: 2_000 }).toBe(true);
  await seenAgain();
  await new Promise((resolve) => setTimeout(resolve, 7_000));
  expect(await berth.enginePid()).toBe(engine);
});

test("a mount comes back after its engine was killed", async () => {
  const boot = await inside("cat /proc/sys/kernel/random/boot_id");
  const pid = await berth.enginePid();
  if (pid === undefined) throw new Error("no engine runs");
  signalProcess(pid, "SIGKILL");
  await gone(pid);
  await seenAgain();
  expect(await inside("cat /proc/sys/kernel/random/boot_id")).toBe(boot);
});

test("nothing is written beneath a mount that the guest took away, and it is left in peace", async () => {
  await inside("sudo umount work");
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect((await berth.run(["exec", "web", "--", "touch", "work/lost"])).code).toBe(1);
  await expect(lstat(path.join(source, "lost"))).rejects.toThrow("ENOENT");
});

test("mounts are added and removed while it runs", async () => {
  await berth.ok(["umount", "web"]);
  expect(await inside("ls")).toBe("");
  await berth.ok(["mount", source, "web:/srv/x", "web"]);
  expect(await inside("cat /srv/x/hello 'a project/hello'")).toBe("from the host\nfrom the host");
  expect(await berth.run(["mount", source, "web:/srv/x"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`"/srv/x" is already mounted in 'web'`),
  });
  await inside("cd /srv/x; nohup sleep 600 > /dev/null 2>&1 < /dev/null &");
  await berth.ok(["umount", "web:/srv/x"]);
  expect((await berth.run(["exec", "web", "--", "cat", "/srv/x/hello"])).code).toBe(1);
  const { info } = (await berth.json(["info", "web"])) as { info: Record<string, { mounts: object }> };
  expect(info["web"]?.mounts).toEqual({
    "a project": { uid_mappings: ["0:default"], gid_mappings: ["0:default"], source_path: source },
  });
});

test("a native mount is there after a start", async () => {
  await berth.ok(["stop", "web"]);
  await berth.ok(["mount", "--type", "native", source, "web:native"]);
  await berth.ok(["start", "web"]);
  expect(await inside("cat native/hello; stat -f -c %T native; cat 'a project/hello'")).toBe(
    "from the host\nfuseblk\nfrom the host",
  );
  expect(await berth.run(["suspend", "web"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("a native mount keeps its memory from being saved"),
  });
  await berth.ok(["umount", "web:native"]);
  expect(await inside("grep -c berth- /etc/fstab; ls -d native 2>/dev/null; true")).toBe("0");
});
