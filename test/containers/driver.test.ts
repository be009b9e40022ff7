/** The driver of containers against the contract, and against what only it can meet, on a real Docker and a real Podman. */
import { randomUUID } from "node:crypto";
import { createServer } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DriverInstance } from "../../src/engine/drivers/driver.ts";
import { ctx, describeDriver, execIn } from "../contract/driver.ts";
import { type ContainerWorld, containerWorld, freePort, PRINTS } from "../support/container-world.ts";
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
    ["reseed", "pause", "logs", "stats"],
  );

  describe("a container", () => {
    let world: ContainerWorld;
    beforeAll(async () => {
      world = await containerWorld(runtimes[runtime]);
    });
    afterAll(() => world?.dispose());

    const created = async (name: string, more: Partial<DriverInstance> = {}) => {
      const instance = await world.instance(name, more);
      await world.driver.create(ctx(), instance);
      return instance;
    };
    const started = async (name: string, more: Partial<DriverInstance> = {}) => {
      const instance = await created(name, more);
      return { instance, running: await world.driver.start(ctx(), instance) };
    };
    /** One whose program is this. */
    const scripted = (name: string, script: string) => started(name, world.running(["sh", "-c", script]));
    const shell = async (of: Awaited<ReturnType<typeof started>>["running"], script: string) =>
      (await execIn(of, { argv: ["sh", "-c", script] })).stdout;

    test("is given commands as they are, where and with what they ask for", async () => {
      const { running } = await started("exec");
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
      const { running } = await started("tty");
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
      const { running } = await started("signals");
      const sleeping = async () => (await shell(running, "ps")).match(/sleep 98765/g)?.length ?? 0;
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
      const { running } = await started("shell");
      expect(await execIn(running, {}, "echo $0\n")).toMatchObject({ stdout: expect.stringContaining("sh") });
    });

    test("ports on its loopback are reached, and those where nobody listens are told", async () => {
      const { running } = await scripted("connect", "httpd -p 127.0.0.1:8080 -h /etc; sleep 9999");
      await expect.poll(() => shell(running, "cat /proc/net/tcp"), { timeout: 20_000 }).toContain(":1F90");
      const stream = await running.guest.connect(ctx(), 8080);
      stream.write("GET /passwd HTTP/1.0\r\n\r\n");
      expect(await text(stream)).toContain("sailor");
      await expect(running.guest.connect(ctx(), 8081)).rejects.toMatchObject({ code: "guest-unreachable" });
      await expect(running.guest.sftp(ctx())).rejects.toMatchObject({ code: "not-supported" });
    });
    test("tells of itself what is its own and not its host's", async () => {
      const { instance, running } = await started("details");
      const details = await running.guest.details(ctx());
      expect(details).toMatchObject({ hostname: "details", cpus: 1 });
      expect(details.memory?.totalBytes).toBe(instance.memoryBytes);
      expect(details.memory?.usedBytes).toBeLessThan(instance.memoryBytes);
      expect(details.addresses).toEqual([running.address]);
      expect(await shell(running, "hostname")).toBe("details\n");
    });

    test("publishes its ports on this host's loopback, and others from its next start on", async () => {
      const [first, second] = [await freePort(), await freePort()];
      const forward = (hostPort: number) => ({
        ...{ protocol: "tcp" as const, hostAddress: "127.0.0.1", hostPort, guestPort: 80 },
      });
      const script = "mkdir -p /www; [ -e /www/a ] || echo first > /www/a; httpd -f -p 80 -h /www";
      const { instance, running } = await started("ports", {
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
      await shell(running, "echo second > /www/a");
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
        const instance = await created("taken", { ports });
        await expect(world.driver.start(ctx(), instance)).rejects.toMatchObject({ code: "already-exists" });
        expect(await world.driver.attach(ctx(), instance)).toBeUndefined();
      } finally {
        server.close();
      }
    });

    test.each([
      ["its own end", "exit 0", { how: "guest-shutdown" }],
      ["a failure", "exit 3", { how: "crashed", detail: "its command ended with code 3" }],
      ["a signal", "kill -9 $$", { how: "crashed", detail: expect.stringMatching(/SIGKILL|code/) }],
    ])("its end is told: %s", async (name, script, exit) => {
      const ended = await scripted(name.replaceAll(" ", "-"), `sleep 1; sh -c 'sleep 0; ${script}'; exit $?`);
      expect(await ended.running.exited).toEqual(exit);
      await expect(ended.running.guest.exec(ctx(), { argv: ["true"] })).rejects.toThrow();
    });

    test("is told to have run out of memory, with its limit", async () => {
      const instance = await world.instance("oom", {
        ...world.running(["sh", "-c", "x=xxxxxxxx; while :; do x=$x$x; done"]),
        memoryBytes: 32 * 2 ** 20,
      });
      await world.driver.create(ctx(), instance);
      const ended = await world.driver.start(ctx(), instance);
      expect(await ended.exited).toEqual({
        how: "crashed",
        detail: expect.stringContaining("out of memory (limit 32MiB)"),
      });
    });

    test("that was removed behind our back is told, and does not start; a snapshot brings it back", async () => {
      const { instance, running } = await started("removed");
      await shell(running, "echo kept > /kept");
      await running.stop(ctx(), "graceful");
      const id = randomUUID();
      await world.driver.snapshots?.take(ctx(), instance, id);
      const again = await world.driver.start(ctx(), instance);
      await world.remove(instance);
      expect(await again.exited).toEqual({
        how: "crashed",
        detail: "its container was removed outside of Berth",
      });
      await expect(world.driver.start(ctx(), instance)).rejects.toMatchObject({ code: "not-found" });
      await world.driver.snapshots?.restore(ctx(), instance, id);
      await world.driver.snapshots?.remove(ctx(), instance, id);
      const back = await world.driver.start(ctx(), instance);
      expect(await shell(back, "cat /kept")).toBe("kept\n");
      await back.stop(ctx(), "force");
    });

    test("is restarted by its runtime where it shall be, and that is no end", async () => {
      const spec = world.running([
        "sh",
        "-c",
        "echo run >> /runs; [ $(wc -l < /runs) -gt 2 ] || exit 4; sleep 9999",
      ]);
      const { running } = await started("again", {
        ...spec,
        container: { ...spec.container, restart: "on-failure" },
      });
      const runs = () => shell(running, "wc -l < /runs").catch(() => "");
      await expect.poll(runs, { timeout: 30_000 }).toBe("3\n");
      await running.stop(ctx(), "force");
      expect(await running.exited).toEqual({ how: "stopped" });
    });

    test("goes back to a snapshot, and on from there, whatever happens to that", async () => {
      const { instance, running } = await started("snapshots");
      const { snapshots } = world.driver;
      if (!snapshots) throw new Error("no snapshots");
      await shell(running, "echo one > /state");
      await running.stop(ctx(), "force");
      const [one, two] = [randomUUID(), randomUUID()];
      await snapshots.take(ctx(), instance, one);
      const second = await world.driver.start(ctx(), instance);
      await shell(second, "echo two > /state");
      await second.stop(ctx(), "force");
      await snapshots.take(ctx(), instance, two);
      await snapshots.restore(ctx(), instance, one);
      await snapshots.remove(ctx(), instance, one);
      const third = await world.driver.start(ctx(), instance);
      expect(await shell(third, "cat /state")).toBe("one\n");
      await third.stop(ctx(), "force");
      await snapshots.restore(ctx(), instance, two);
      const fourth = await world.driver.start(ctx(), instance);
      expect(await shell(fourth, "cat /state")).toBe("two\n");
      await fourth.stop(ctx(), "force");
      await world.driver.delete(ctx(), instance);
      expect(await world.leftOf(instance)).toEqual({ containers: 0, images: 0 });
    });

    test("a clone has what its source had, and goes its own way under its own name", async () => {
      const { instance, running } = await started("source");
      await shell(running, "echo source > /who");
      await running.stop(ctx(), "force");
      const copy = await world.instance("copy");
      await world.driver.clone?.(ctx(), instance, copy);
      const renamed = { ...copy, name: "renamed" };
      await world.driver.reseed?.(ctx(), renamed);
      const cloned = await world.driver.start(ctx(), renamed);
      expect(await shell(cloned, "cat /who; hostname; echo copy > /who")).toBe("source\nrenamed\n");
      const source = await world.driver.start(ctx(), instance);
      expect(await shell(source, "cat /who")).toBe("source\n");
      await source.stop(ctx(), "force");
      await world.driver.delete(ctx(), instance);
      expect(await shell(cloned, "cat /who")).toBe("copy\n");
      await cloned.stop(ctx(), "force");
    });

    test("its log is followed, and begins where it is asked to", async () => {
      const { instance, running } = await scripted(
        "log",
        "for i in 1 2 3; do echo line $i; done; echo bad >&2; sleep 9999",
      );
      const { driver } = world;
      const read = async (request: Parameters<NonNullable<typeof driver.logs>>[2]) => {
        const log = await driver.logs?.(ctx(), instance, request);
        return log ? text(log) : "no log";
      };
      await expect.poll(() => read({}), { timeout: 20_000 }).toContain("bad\n");
      expect(await read({})).toContain("line 1\nline 2\nline 3\n");
      expect((await read({ tail: 1 })).split("\n")).toHaveLength(2);
      expect(await read({ sinceMs: Date.now() + 60_000 })).toBe("");
      const followed = read({ follow: true });
      await running.stop(ctx(), "force");
      expect(await followed).toContain("line 3");
    });

    test("a line of 100 MB is read without being held", async () => {
      const script = "dd if=/dev/zero bs=1M count=100 2>/dev/null | busybox tr '\\0' x";
      const { instance, running } = await scripted("long", script);
      await running.exited;
      const log = await world.driver.logs?.(ctx(), instance, {});
      if (!log) throw new Error("no log");
      let bytes = 0;
      let most = 0;
      for await (const chunk of log) {
        bytes += (chunk as Buffer).length;
        const { external, heapUsed } = process.memoryUsage();
        most = Math.max(most, external + heapUsed);
      }
      expect(bytes).toBeGreaterThanOrEqual(100 * 2 ** 20);
      expect(most).toBeLessThan(200 * 2 ** 20);
    });

    test("what nobody of ours made is not touched, whatever it is called", async () => {
      const instance = await world.instance("foreign");
      const theirs = await world.foreign(`berth-foreign-${instance.id.slice(0, 8)}`);
      await expect(world.driver.create(ctx(), instance)).rejects.toMatchObject({ code: "already-exists" });
      await world.driver.delete(ctx(), instance);
      expect(await world.isThere(theirs)).toBe(true);
    });

    test("volumes without a name come along when it is made anew, and go with it; named ones stay", async () => {
      const volume = `berth-test-${randomUUID().slice(0, 8)}`;
      const more = world.running(["sleep", "9999"]);
      const instance = await created("volumes", {
        ...more,
        container: { ...more.container, volumes: [{ name: volume, target: "/named" }] },
      });
      const first = await world.driver.start(ctx(), instance);
      await shell(first, "echo named > /named/a");
      await first.stop(ctx(), "force");
      const again = await world.driver.start(ctx(), { ...instance, memoryBytes: 2 * instance.memoryBytes });
      expect(await shell(again, "cat /named/a")).toBe("named\n");
      await again.stop(ctx(), "force");
      await world.driver.delete(ctx(), instance);
      expect(await world.volumes()).toContain(volume);
      await world.removeVolume(volume);
    });

    test("that is a machine stays without a program of its own, and is worked in at home", async () => {
      const { running } = await started("machine", world.machine());
      expect((await execIn(running, { argv: ["pwd"] })).stdout).toBe("/root\n");
      expect((await execIn(running, { argv: ["pwd"], cwd: "../etc" })).stdout).toBe("/etc\n");
      await running.stop(ctx(), "graceful");
      expect(await running.exited).toEqual({ how: "stopped" });
    });

    test("reaches nothing where it is isolated, and is still worked in", async () => {
      const { running } = await started("alone", { isolated: true });
      expect(running.address).toBeUndefined();
      expect(await shell(running, "cat /proc/net/route")).not.toContain("eth0");
    });
  });

  test("a runtime that is restarted is waited for, and what it ended is told", async () => {
    const world = await containerWorld(runtimes[runtime]);
    const instance = await world.instance("restart");
    await world.driver.create(ctx(), instance);
    const running = await world.driver.start(ctx(), instance);
    await runtimes[runtime].kill("SIGKILL");
    await runtimes[runtime].start();
    if (runtime === "docker") {
      expect(await running.exited).toEqual({
        how: "crashed",
        detail: "Docker was stopped, and its containers with it",
      });
    } else {
      // Podman's containers do not need it to live.
      expect((await execIn(running, { argv: ["echo", "on"] })).stdout).toBe("on\n");
      await running.stop(ctx(), "graceful");
      expect(await running.exited).toEqual({ how: "stopped" });
    }
    await world.dispose();
  });
});
