/** An instance's life between launch and purge, on real guests: suspended, renamed, enlarged, cloned, stopped later. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signalProcess } from "../../src/base/process-identity.ts";
import { type Berth, gone } from "../support/berth.ts";
import { USER_DATA, type VmWorld, vmWorld } from "../support/vm-world.ts";

type Info = {
  state: string;
  ipv4: string[];
  disks: { sda1: { total?: string } };
  berth: { id: string; bootId?: string };
};

const userData = `${USER_DATA}bootcmd: [ 'true' ]\n`;

let world: VmWorld;
let berth: Berth;

beforeAll(async () => {
  world = await vmWorld();
  berth = world.berth;
});
afterAll(async () => {
  await world?.dispose();
});

const inside = async (name: string, ...argv: string[]) =>
  (await berth.ok(["exec", name, "--", ...argv])).trim();
const bootId = (name: string) => inside(name, "cat", "/proc/sys/kernel/random/boot_id");

async function info(name: string): Promise<Info> {
  const { info } = (await berth.json(["info", name])) as { info: Record<string, Info> };
  const found = info[name];
  if (!found) throw new Error(`no info on ${name}`);
  return found;
}

async function killEngine(): Promise<void> {
  const pid = await berth.enginePid();
  if (pid === undefined) return;
  signalProcess(pid, "SIGKILL");
  await gone(pid);
}

test("a suspended guest goes on where it was, although its engine was killed meanwhile", async () => {
  await berth.ok(["launch", "noble", "--name", "web", "--cloud-init", "-"], {
    input: userData,
  });
  const boot = await bootId("web");
  await inside("web", "sh", "-c", "echo kept > /dev/shm/word; nohup sleep 99999 >/dev/null 2>&1 &");
  await berth.ok(["suspend", "web"]);
  expect((await info("web")).state).toBe("Suspended");
  expect(await berth.qemuPids()).toEqual([]);
  await killEngine();
  expect((await info("web")).state).toBe("Suspended");
  await berth.ok(["start", "web"]);
  expect(await bootId("web")).toBe(boot);
  expect(await inside("web", "cat", "/dev/shm/word")).toBe("kept");
  expect(await inside("web", "pgrep", "-c", "-f", "sleep 99999")).toBe("1");
  expect(Math.abs(Number(await inside("web", "date", "+%s")) - Date.now() / 1000)).toBeLessThan(5);
});

test("an engine that is killed while it suspends or resumes loses nothing", async () => {
  const boot = await bootId("web");
  const suspending = berth.run(["suspend", "web"]);
  await new Promise((resolve) => setTimeout(resolve, 1200));
  await killEngine();
  expect(await suspending).toMatchObject({ code: 0 });
  expect((await info("web")).state).toBe("Suspended");
  const resuming = berth.run(["start", "web"]);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await killEngine();
  expect(await resuming).toMatchObject({ code: 0 });
  expect(await bootId("web")).toBe(boot);
});

test("a renamed guest knows its name at once", async () => {
  expect(await berth.ok(["rename", "web", "shop"])).toBe("Renamed: web to shop\n");
  expect(await inside("shop", "hostname")).toBe("shop");
  expect(await inside("shop", "cat", "/etc/hostname")).toBe("shop");
  expect((await berth.run(["exec", "shop", "--", "sudo", "true"])).stderr).toBe("");
});

test("a delayed stop is told of, and can be cancelled", async () => {
  expect((await berth.run(["exec", "shop", "--", "sudo", "wall", "hello"])).code).toBe(0);
  await berth.ok(["stop", "--time", "+5", "shop"]);
  expect((await info("shop")).state).not.toBe("Stopped");
  await berth.ok(["stop", "--cancel", "shop"]);
  expect((await info("shop")).state).toBe("Running");
});

test("a stopped instance takes a larger disk, and its clone is another machine", async () => {
  const machineId = await inside("shop", "cat", "/etc/machine-id");
  const hostKey = await inside("shop", "sudo", "cat", "/etc/ssh/ssh_host_ed25519_key.pub");
  const authorized = await inside("shop", "cat", "/home/ubuntu/.ssh/authorized_keys");
  expect((await berth.run(["set", "local.shop.disk=6G"])).code).toBe(2);
  await berth.ok(["stop", "shop"]);
  expect(await berth.run(["set", "local.shop.disk=1G"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("cannot set disk of shop: it can only be enlarged"),
  });
  await berth.ok(["set", "local.shop.disk=6G"]);
  expect(await berth.ok(["get", "local.shop.disk"])).toBe("6.0GiB\n");
  expect(await berth.ok(["list", "--snapshots"])).toMatch(
    /shop +before-resize-1 .*Before its disk grew to 6GiB/,
  );
  await berth.ok(["restore", "shop.before-resize-1", "--destructive"]);
  expect(await berth.ok(["get", "local.shop.disk"])).toBe("5.0GiB\n");
  await berth.ok(["set", "local.shop.disk=6G"]);
  expect(await berth.ok(["get", "--raw", "local.shop.disk"])).toBe(`${6 * 2 ** 30}\n`);
  expect(await berth.ok(["clone", "shop"])).toBe("Cloned from shop to shop-clone1.\n");
  await berth.ok(["start", "shop", "shop-clone1"]);

  for (const name of ["shop", "shop-clone1"]) {
    expect(await inside(name, "hostname")).toBe(name);
    expect(Number((await info(name)).disks.sda1.total)).toBeGreaterThan(5.5 * 2 ** 30);
  }
  expect(await inside("shop", "cat", "/etc/machine-id")).toBe(machineId);
  const clone = (...argv: string[]) => inside("shop-clone1", ...argv);
  const cloneId = await clone("cat", "/etc/machine-id");
  expect(cloneId).toMatch(/^[0-9a-f]{32}$/);
  expect(cloneId).not.toBe(machineId);
  expect(await clone("cat", "/var/lib/dbus/machine-id").catch(() => cloneId)).toBe(cloneId);
  expect(await clone("sudo", "cat", "/etc/ssh/ssh_host_ed25519_key.pub")).not.toBe(hostKey);
  const keys = (await clone("cat", "/home/ubuntu/.ssh/authorized_keys")).split("\n");
  expect(keys.filter((line) => line !== "")).toHaveLength(1);
  expect(keys).not.toContain(authorized);
  expect((await berth.run(["exec", "shop-clone1", "--", "sudo", "true"])).stderr).toBe("");
});

test("a clone has an address of its own, and each knows the other by name", async () => {
  const [shop, clone] = [(await info("shop")).ipv4, (await info("shop-clone1")).ipv4];
  expect([shop.length, clone.length]).toEqual([1, 1]);
  expect(clone).not.toEqual(shop);
  const pings = async (from: string, to: string) =>
    (await berth.run(["exec", from, "--", "ping", "-c", "1", "-W", "5", to])).code === 0;
  // What other guests learn of a change, nobody waits for.
  const reaches = (from: string, to: string) =>
    expect.poll(() => pings(from, to), { timeout: 120_000, interval: 500 }).toBe(true);
  await reaches("shop", "shop-clone1");
  await reaches("shop-clone1", "shop");
});

test("memory of another QEMU is resumed on its machine, or refused and kept until it is given up: it boots anew", async () => {
  const name = "shop-clone1";
  const { berth: facts } = await info(name);
  const boot = await bootId(name);
  const machineId = await inside(name, "cat", "/etc/machine-id");
  await berth.ok(["suspend", name]);
  const file = path.join(berth.home, "data", "instances", facts.id, "suspend.json");
  const record = JSON.parse(await readFile(file, "utf8")) as { version: string; machine: string };
  const say = (more: object) => writeFile(file, JSON.stringify({ ...record, ...more }));
  await say({ version: "99.0.0" });
  for (const [called, command] of [
    ["berth", `berth start --cold ${name}`],
    ["multipass", `multipass start --cold ${name}`],
  ] as const) {
    const refused = await berth.as({ BERTH_COMMAND_NAME: called }).run(["start", name]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("it was suspended by QEMU 99.0.0");
    expect(refused.stderr).toContain(command);
  }
  await say({ version: "2.0.0", machine: "pc-q35-2.0-machine" });
  const gone = await berth.run(["start", name]);
  expect(gone.stderr).toContain("on the machine type pc-q35-2.0, which QEMU");
  expect((await info(name)).state).toBe("Suspended");
  // As an earlier series would have written it: this QEMU is asked for its machine by name.
  await say({ version: "5.2.0" });
  await berth.ok(["start", name]);
  expect(await bootId(name)).toBe(boot);
  await berth.ok(["suspend", name]);
  await say({ version: "99.0.0" });
  await berth.ok(["start", "--cold", name]);
  expect(await bootId(name)).not.toBe(boot);
  // That is the clone's second boot, which makes it no other machine once more.
  expect(await inside(name, "cat", "/etc/machine-id")).toBe(machineId);
  expect(await inside(name, "hostname")).toBe(name);
});
