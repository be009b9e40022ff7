/** The QEMU driver against the contract, and against what only it can meet, on real guests. */
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostArch } from "../../src/base/paths.ts";
import { signalProcess } from "../../src/base/process-identity.ts";
import { run } from "../../src/base/run.ts";
import type { DriverInstance } from "../../src/engine/drivers/driver.ts";
import { createQemuDriver } from "../../src/engine/drivers/qemu/driver.ts";
import { readRunRecord } from "../../src/engine/drivers/qemu/run-record.ts";
import type { Running } from "../../src/engine/drivers/running.ts";
import { generateLogin } from "../../src/engine/guest/keys.ts";
import { subnetAround } from "../../src/engine/networks/addresses.ts";
import { DEFAULT_SETTINGS } from "../../src/engine/settings.ts";
import { ctx, describeDriver, execIn, type Harness } from "../contract/driver.ts";
import { testImage } from "../support/guest-image.ts";

const USER_DATA =
  "#cloud-config\nwrite_files: [{path: /etc/berth-test, content: 'from user-data'}]\nruncmd: [ 'touch /ran' ]\n";

async function makeHarness(): Promise<Harness> {
  const root = await mkdtemp(path.join(tmpdir(), "berth-qemu-"));
  const image = await testImage();
  const { stdout } = await run(["qemu-img", "info", "--output=json", image.path]);
  const virtualBytes = (JSON.parse(stdout) as { "virtual-size": number })["virtual-size"];
  const options = { settings: () => DEFAULT_SETTINGS };
  const driver = createQemuDriver(options);
  const made: DriverInstance[] = [];
  return {
    driver,
    anotherDriver: () => createQemuDriver(options),
    readyToo: checkSeed,
    instance: async (name) => {
      const directory = path.join(root, "with, comma and space", name);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const instance: DriverInstance = {
        ...{
          id: randomUUID(),
          name,
          arch: hostArch(),
          cpus: 2,
          memoryBytes: 2 ** 30,
          diskBytes: 5 * 2 ** 30,
        },
        ...{ address: `10.77.0.${made.length + 9}`, mac: `52:54:00:77:00:0${made.length}` },
        ...{ directory, runDirectory: root, shares: [], disks: [], networks: [], network: "default" },
        ...{ guest: "linux", firmware: "bios", tpm: false, display: false },
        subnet: subnetAround("10.77.0.1"),
        image: { path: image.path, format: "qcow2", sizeBytes: image.sizeBytes, virtualBytes },
        login: await generateLogin(image.user),
        userData: USER_DATA,
      };
      made.push(instance);
      return instance;
    },
    dispose: async () => {
      for (const instance of made) await driver.delete(ctx(), instance);
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** It has read its seed, has its own address, and is entered by OpenSSH. */
async function checkSeed(running: Running, instance: DriverInstance): Promise<void> {
  const details = await running.guest.details(ctx());
  expect(details).toMatchObject({ hostname: instance.name, cpus: 2 });
  expect([...details.addresses].sort()).toEqual([instance.address, instance.subnet.nat.address].sort());
  expect(details.cloudInit).toEqual({ status: "done", errors: [] });
  expect((await execIn(running, { argv: ["cat", "/etc/berth-test"] })).stdout).toBe("from user-data");
  expect((await execIn(running, { argv: ["ls", "/ran"] })).code).toBe(0);
  const hostKey = (await execIn(running, { argv: ["sudo", "cat", "/etc/ssh/ssh_host_ed25519_key.pub"] }))
    .stdout;
  expect(hostKey.split(" ")[1]).toBe(instance.login.host.publicKey.split(" ")[1]);
  // The disk is as large as asked, and the root filesystem has grown into it.
  expect(details.disk?.totalBytes).toBeGreaterThan(4.5 * 2 ** 30);

  // OpenSSH itself enters with the files that an instance's owner is given.
  const { ssh } = running;
  if (!ssh) throw new Error("no ssh address");
  const known = `UserKnownHostsFile="${ssh.knownHostsFile}"`;
  const options = [known, "IdentitiesOnly=yes", "BatchMode=yes"].flatMap((option) => ["-o", option]);
  const login = ["-p", String(ssh.port), "-i", ssh.keyFile, ...options, `${ssh.user}@${ssh.host}`];
  const { stdout } = await run(["ssh", ...login, "uname", "-n"], { env: { HOME: instance.directory } });
  expect(stdout.trim()).toBe(instance.name);
}

describeDriver("qemu", makeHarness);

let harness: Harness;
beforeAll(async () => {
  harness = await makeHarness();
});
afterAll(() => harness?.dispose());

test("nobody else can talk to a QEMU's monitor; that it is killed from outside is told", async () => {
  const instance = await harness.instance("killed");
  await harness.driver.create(ctx(), instance);
  const running = await harness.driver.start(ctx(), instance);
  const record = await readRunRecord(instance.directory);
  if (!record) throw new Error("no run record");
  expect((await stat(record.monitor)).mode & 0o777).toBe(0o600);
  signalProcess(record.process.pid, "SIGKILL");
  expect(await running.exited).toMatchObject({ how: "crashed" });
  expect(await harness.driver.attach(ctx(), instance)).toBeUndefined();
});

test("a QEMU that does not start says why, and nothing is left", async () => {
  const instance = await harness.instance("nodisk");
  await expect(harness.driver.start(ctx(), instance)).rejects.toMatchObject({
    code: "driver-failed",
    message: expect.stringContaining("disk.qcow2"),
  });
  expect(await readRunRecord(instance.directory)).toBeUndefined();
});
