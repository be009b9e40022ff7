/** The driver of containers against the contract, and what is done in a container, on a real Docker and a real Podman. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GuestFiles } from "../../src/client/files/guest-files.ts";
import { Sftp } from "../../src/client/files/sftp.ts";
import { ctx, describeDriver, execIn } from "../contract/driver.ts";
import { type ContainerWorld, containerWorld, PRINTS, shellIn } from "../support/container-world.ts";
import { freePort } from "../support/free-port.ts";
import { type Runtimes, startRuntimes } from "../support/runtimes.ts";

let runtimes: Runtimes;
beforeAll(async () => {
  runtimes = await startRuntimes();
});
afterAll(() => runtimes?.stop());

describe.each(["docker", "podman"] as const)("%s", (runtime) => {
  describeDriver(
    `oci at ${runtime}`,
    async () => ({ ...(await containerWorld(runtimes[runtime])), prints: PRINTS }),
    ["reseed", "pause", "logs", "stats", "attach", "export"],
  );

  describe("a container", () => {
    let world: ContainerWorld;
    beforeAll(async () => {
      world = await containerWorld(runtimes[runtime]);
    });
    afterAll(() => world?.dispose());

    test("is given commands as they are, where and with what they ask for", async () => {
      const { running } = await world.started("exec");
      const odd = ["", " a  b ", "'\"$HOME`\\", "-n", "ü\n"];
      const said = await execIn(running, { argv: ["sh", "-c", 'for a; do echo "<$a>"; done', "sh", ...odd] });
      expect(said.stdout).toBe(odd.map((each) => `<${each}>\n`).join(""));
      const asked = { argv: ["sh", "-c", 'pwd; echo "$A"; cat; exit 7'], cwd: "/tmp", env: { A: "x y" } };
      expect(await execIn(running, asked, "in")).toEqual({ stdout: "/tmp\nx y\nin", stderr: "", code: 7 });
      const complaint = await execIn(running, { argv: ["sh", "-c", "echo no >&2"] });
      expect(complaint).toEqual({ stdout: "", stderr: "no\n", code: 0 });
      expect((await execIn(running, { argv: ["pwd"], cwd: "etc" })).code).not.toBe(0);
      const missing = await execIn(running, { argv: ["nothing-like-it"] });
      expect(missing).toMatchObject({ code: 127, stderr: expect.stringContaining("nothing-like-it") });
    });

    test("gives terminals their size, at first and later", async () => {
      const { running } = await world.started("tty");
      const child = await running.guest.exec(ctx(), {
        argv: ["sh", "-c", "while read x; do stty size; done"],
        tty: { cols: 97, rows: 33 },
      });
      let said = "";
      child.stdout.on("data", (chunk) => {
        said += String(chunk);
      });
      const ask = () => {
        child.stdin.write("\n");
        return said;
      };
      const says = (what: string) => expect.poll(ask, { timeout: 20_000 }).toContain(what);
      await says("33 97");
      child.resize({ cols: 120, rows: 40 });
      await says("40 120");
      child.close();
    });

    test("signals reach the program and its children; whoever hangs up ends it", async () => {
      const { running } = await world.started("signals");
      const sleeping = async () => (await shellIn(running, "ps")).match(/sleep 98765/g)?.length ?? 0;
      const argv = ["sh", "-c", "trap 'echo told; exit 5' USR1; sleep 98765 & echo on; wait"];
      const child = await running.guest.exec(ctx(), { argv });
      await new Promise((resolve) => child.stdout.once("data", resolve));
      child.signal("USR1");
      expect(await child.exited).toEqual({ code: 5 });
      const other = await running.guest.exec(ctx(), { argv: ["sleep", "98765"] });
      await expect.poll(sleeping, { timeout: 20_000 }).toBe(1);
      other.close();
      await expect.poll(sleeping, { timeout: 20_000 }).toBe(0);
    });

    test("its user's own shell opens where no command is given", async () => {
      const { running } = await world.started("shell");
      expect(await execIn(running, {}, "echo $0\n")).toMatchObject({ stdout: expect.stringContaining("sh") });
    });

    test("ports on its loopback are reached, and those where nobody listens are told", async () => {
      const { running } = await world.scripted("connect", "httpd -p 127.0.0.1:8080 -h /etc; sleep 9999");
      await expect.poll(() => shellIn(running, "cat /proc/net/tcp"), { timeout: 20_000 }).toContain(":1F90");
      const stream = await running.guest.connect(ctx(), 8080);
      stream.write("GET /passwd HTTP/1.0\r\n\r\n");
      expect(await text(stream)).toContain("sailor");
      await expect(running.guest.connect(ctx(), 8081)).rejects.toMatchObject({ code: "guest-unreachable" });
    });

    test("its files are served where its image has no SFTP server", async () => {
      const { running } = await world.started("files");
      const stream = await running.guest.sftp(ctx());
      const exited = once(stream, "close").then(() => ({}));
      const sftp = await Sftp.on({
        ...{ stdin: stream, stdout: stream, exited },
        close: () => stream.destroy(),
      });
      const files = new GuestFiles(sftp);
      expect(await files.home()).toBe("/root");
      const bytes = randomBytes(300_000);
      await files.write("/root/a b", bytes, { create: true, overwrite: false });
      expect((await files.read("/root/a b")).equals(bytes)).toBe(true);
      expect((await files.list("/root")).map(([name]) => name)).toEqual(["a b"]);
      await files.rename("/root/a b", "/root/c", { overwrite: false });
      await files.remove("/root/c", { recursive: false });
      expect(await shellIn(running, "ls /root")).toBe("");
      await expect(files.read("/etc/none")).rejects.toMatchObject({ kind: "not-found" });
      sftp.close();
    });

    test("tells of itself what is its own and not its host's", async () => {
      const { instance, running } = await world.started("details");
      const details = await running.guest.details(ctx());
      expect(details).toMatchObject({ hostname: "details", cpus: 1 });
      expect(details.memory?.totalBytes).toBe(instance.memoryBytes);
      expect(details.memory?.usedBytes).toBeLessThan(instance.memoryBytes);
      expect(details.addresses).toEqual([running.address]);
      expect(await shellIn(running, "hostname")).toBe("details\n");
    });

    test("publishes its ports on this host's loopback, and others from its next start on", async () => {
      const [first, second] = [await freePort(), await freePort()];
      const forward = (hostPort: number) => ({
        ...{ protocol: "tcp" as const, hostAddress: "127.0.0.1", hostPort, guestPort: 80 },
      });
      const script = "mkdir -p /www; [ -e /www/a ] || echo first > /www/a; httpd -f -p 80 -h /www";
      const { instance, running } = await world.started("ports", {
        ...world.running(["sh", "-c", script]),
        ports: [forward(first)],
      });
      const get = (port: number) =>
        fetch(`http://127.0.0.1:${port}/a`).then((answer) => answer.text(), String);
      await expect.poll(() => get(first), { timeout: 20_000 }).toBe("first\n");
      await running.ports?.open(ctx(), forward(first));
      await expect(running.ports?.open(ctx(), forward(second))).rejects.toMatchObject({
        code: "wrong-state",
      });
      await shellIn(running, "echo second > /www/a");
      await running.stop(ctx(), "force");
      const again = await world.driver.start(ctx(), { ...instance, ports: [forward(second)] });
      await expect.poll(() => get(second), { timeout: 20_000 }).toBe("second\n");
      expect(await get(first)).toContain("fetch failed");
      await again.stop(ctx(), "force");
    });

    test("does not start where its port is another's, and says so", async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      const { port: hostPort } = server.address() as { port: number };
      try {
        const ports = [{ protocol: "tcp" as const, hostAddress: "127.0.0.1", hostPort, guestPort: 80 }];
        const instance = await world.created("taken", { ports });
        await expect(world.driver.start(ctx(), instance)).rejects.toMatchObject({ code: "already-exists" });
        expect(await world.driver.attach(ctx(), instance)).toBeUndefined();
      } finally {
        server.close();
      }
    });

    test("that is a machine stays without a program of its own, and is worked in at home", async () => {
      const { running } = await world.started("machine", world.machine());
      expect((await execIn(running, { argv: ["pwd"] })).stdout).toBe("/root\n");
      expect((await execIn(running, { argv: ["pwd"], cwd: "../etc" })).stdout).toBe("/etc\n");
      await running.stop(ctx(), "graceful");
      expect(await running.exited).toEqual({ how: "stopped" });
    });

    test("reaches nothing where it is isolated, and is still worked in", async () => {
      const { running } = await world.started("alone", { network: "isolated" });
      expect(running.address).toBeUndefined();
      expect(await shellIn(running, "cat /proc/net/route")).not.toContain("eth0");
    });
  });
});
