/** What becomes of containers, of what they hold and of what they print, on a real Docker and a real Podman. */
import { randomUUID } from "node:crypto";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ctx, execIn } from "../contract/driver.ts";
import { type ContainerWorld, containerWorld, shellIn } from "../support/container-world.ts";
import { type Runtimes, startRuntimes } from "../support/runtimes.ts";

let runtimes: Runtimes;
beforeAll(async () => {
  runtimes = await startRuntimes();
});
afterAll(() => runtimes?.stop());

describe.each(["docker", "podman"] as const)("%s", (runtime) => {
  describe("a container", () => {
    let world: ContainerWorld;
    beforeAll(async () => {
      world = await containerWorld(runtimes[runtime]);
    });
    afterAll(() => world?.dispose());

    test.each([
      ["its own end", "exit 0", { how: "guest-shutdown" }],
      ["a failure", "exit 3", { how: "crashed", detail: "its command ended with code 3" }],
      ["a signal", "kill -9 $$", { how: "crashed", detail: expect.stringMatching(/SIGKILL|code/) }],
    ])("its end is told: %s", async (name, script, exit) => {
      const ended = await world.scripted(
        name.replaceAll(" ", "-"),
        `sleep 1; sh -c 'sleep 0; ${script}'; exit $?`,
      );
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
      const { instance, running } = await world.started("removed");
      await shellIn(running, "echo kept > /kept");
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
      expect(await shellIn(back, "cat /kept")).toBe("kept\n");
      await back.stop(ctx(), "force");
    });

    test("what others do to one that does not run is told, and nothing of the others", async () => {
      const instance = await world.created("outside");
      const other = await world.created("other");
      let told = 0;
      const watch = world.driver.watch?.(instance, () => {
        told += 1;
      });
      await expect.poll(() => told, { timeout: 20_000 }).toBe(1);
      const { api } = runtimes[runtime];
      const at = async (one: typeof instance) => (await world.idOf(one)) ?? "";
      await api.json(ctx(), "POST", `/containers/${await at(other)}/start`);
      await api.json(ctx(), "POST", `/containers/${await at(instance)}/start`);
      await expect.poll(() => told, { timeout: 20_000 }).toBeGreaterThan(1);
      const running = await world.driver.attach(ctx(), instance);
      await running?.stop(ctx(), "force");
      const before = told;
      expect(await world.driver.isGone?.(ctx(), instance)).toBe(false);
      await world.remove(instance);
      await expect.poll(() => told, { timeout: 20_000 }).toBeGreaterThan(before);
      expect(await world.driver.isGone?.(ctx(), instance)).toBe(true);
      watch?.dispose();
    });

    test("a pause by others is shown, and so is its end", async () => {
      const { instance, running } = await world.started("halted");
      const { api } = runtimes[runtime];
      const at = `/containers/${await world.idOf(instance)}`;
      let changes = 0;
      running.onDidChange?.(() => {
        changes += 1;
      });
      await api.json(ctx(), "POST", `${at}/pause`);
      await expect.poll(() => running.paused, { timeout: 20_000 }).toBe(true);
      await api.json(ctx(), "POST", `${at}/unpause`);
      await expect.poll(() => running.paused, { timeout: 20_000 }).toBe(false);
      expect(changes).toBe(2);
      await running.stop(ctx(), "force");
    });

    // Podman's checks are run by systemd, which is not here.
    test.runIf(runtime === "docker")("what its check says is shown", async () => {
      const spec = world.running(["sleep", "9999"]);
      const health = { command: ["sh", "-c", "[ -e /well ]"], intervalMs: 1000, retries: 1 };
      const { running } = await world.started("checked", {
        ...spec,
        container: { ...spec.container, health },
      });
      expect(running.health).toBe("starting");
      await expect.poll(() => running.health, { timeout: 20_000 }).toBe("unhealthy");
      await shellIn(running, "touch /well");
      await expect.poll(() => running.health, { timeout: 20_000 }).toBe("healthy");
      await running.stop(ctx(), "force");
    });

    test("is restarted by its runtime where it shall be, and that is no end", async () => {
      const spec = world.running([
        "sh",
        "-c",
        "echo run >> /runs; [ $(wc -l < /runs) -gt 2 ] || exit 4; sleep 9999",
      ]);
      const { running } = await world.started("again", {
        ...spec,
        container: { ...spec.container, restart: "on-failure" },
      });
      const runs = () => shellIn(running, "wc -l < /runs").catch(() => "");
      await expect.poll(runs, { timeout: 30_000 }).toBe("3\n");
      await running.stop(ctx(), "force");
      expect(await running.exited).toEqual({ how: "stopped" });
    });

    test("goes back to a snapshot, and on from there, whatever happens to that", async () => {
      const { instance, running } = await world.started("snapshots");
      const { snapshots } = world.driver;
      if (!snapshots) throw new Error("no snapshots");
      await shellIn(running, "echo one > /state");
      await running.stop(ctx(), "force");
      const [one, two] = [randomUUID(), randomUUID()];
      await snapshots.take(ctx(), instance, one);
      const second = await world.driver.start(ctx(), instance);
      await shellIn(second, "echo two > /state");
      await second.stop(ctx(), "force");
      await snapshots.take(ctx(), instance, two);
      await snapshots.restore(ctx(), instance, one);
      await snapshots.remove(ctx(), instance, one);
      const third = await world.driver.start(ctx(), instance);
      expect(await shellIn(third, "cat /state")).toBe("one\n");
      await third.stop(ctx(), "force");
      await snapshots.restore(ctx(), instance, two);
      const fourth = await world.driver.start(ctx(), instance);
      expect(await shellIn(fourth, "cat /state")).toBe("two\n");
      await fourth.stop(ctx(), "force");
      await world.driver.delete(ctx(), instance);
      expect(await world.leftOf(instance)).toEqual({ containers: 0, images: 0 });
    });

    test("a clone has what its source had, and goes its own way under its own name", async () => {
      const { instance, running } = await world.started("source");
      await shellIn(running, "echo source > /who");
      await running.stop(ctx(), "force");
      const copy = await world.instance("copy");
      await world.driver.clone?.(ctx(), instance, copy);
      const renamed = { ...copy, name: "renamed" };
      await world.driver.reseed?.(ctx(), renamed);
      const cloned = await world.driver.start(ctx(), renamed);
      expect(await shellIn(cloned, "cat /who; hostname; echo copy > /who")).toBe("source\nrenamed\n");
      const source = await world.driver.start(ctx(), instance);
      expect(await shellIn(source, "cat /who")).toBe("source\n");
      await source.stop(ctx(), "force");
      await world.driver.delete(ctx(), instance);
      expect(await shellIn(cloned, "cat /who")).toBe("copy\n");
      await cloned.stop(ctx(), "force");
    });

    test("its log is followed, and begins where it is asked to", async () => {
      const { instance, running } = await world.scripted(
        "log",
        "for i in 1 2 3; do echo line $i; done; echo bad >&2; sleep 9999",
      );
      const { driver } = world;
      const read = async (request: Parameters<NonNullable<typeof driver.logs>>[2]) => {
        const log = await driver.logs?.(ctx(), instance, request);
        return log ? text(log) : "no log";
      };
      // Two pipes lead to the runtime: what came by one may stand anywhere between what came by the other.
      const lines = async () => (await read({})).split("\n");
      await expect.poll(async () => (await lines()).length, { timeout: 20_000 }).toBe(5);
      expect(await lines()).toContain("bad");
      expect((await lines()).filter((line) => line !== "bad").join("\n")).toBe("line 1\nline 2\nline 3\n");
      expect((await read({ tail: 1 })).split("\n")).toHaveLength(2);
      expect(await read({ sinceMs: Date.now() + 60_000 })).toBe("");
      const followed = read({ follow: true });
      await running.stop(ctx(), "force");
      expect(await followed).toContain("line 3");
    });

    test("a line of 100 MB is read without being held", async () => {
      const script = "dd if=/dev/zero bs=1M count=100 2>/dev/null | busybox tr '\\0' x";
      const { instance, running } = await world.scripted("long", script);
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

    test("what others made of a snapshot of ours is theirs", async () => {
      const instance = await world.created("lent");
      const id = randomUUID();
      await world.driver.snapshots?.take(ctx(), instance, id);
      const theirs = await world.foreign("borrower", `localhost/berth/${instance.id}:${id}`);
      await world.driver.delete(ctx(), instance);
      expect(await world.isThere(theirs)).toBe(true);
    });

    test("a change of it that was interrupted is put right by the next start", async () => {
      const instance = await world.created("half");
      await world.rename(instance, `berth-half-${instance.id.slice(0, 8)}.old`);
      const running = await world.driver.start(ctx(), instance);
      expect((await execIn(running, { argv: ["echo", "on"] })).stdout).toBe("on\n");
      await running.stop(ctx(), "force");
      expect(await world.leftOf(instance)).toEqual({ containers: 1, images: 0 });
    });

    test("volumes without a name come along when it is made anew, and go with it; named ones stay", async () => {
      const volume = `berth-test-${randomUUID().slice(0, 8)}`;
      const more = world.running(["sleep", "9999"]);
      const instance = await world.created("volumes", {
        ...more,
        container: { ...more.container, volumes: [{ name: volume, target: "/named" }] },
      });
      const first = await world.driver.start(ctx(), instance);
      await shellIn(first, "echo named > /named/a");
      await first.stop(ctx(), "force");
      const again = await world.driver.start(ctx(), { ...instance, memoryBytes: 2 * instance.memoryBytes });
      expect(await shellIn(again, "cat /named/a")).toBe("named\n");
      await again.stop(ctx(), "force");
      await world.driver.delete(ctx(), instance);
      expect(await world.volumes()).toContain(volume);
      await world.removeVolume(volume);
    });
  });

  test("a runtime that is restarted while nothing of ours runs is listened to again", async () => {
    const world = await containerWorld(runtimes[runtime]);
    const instance = await world.created("away");
    let told = 0;
    const watch = world.driver.watch?.(instance, () => {
      told += 1;
    });
    await expect.poll(() => told, { timeout: 20_000 }).toBe(1);
    await runtimes[runtime].kill("SIGKILL");
    await runtimes[runtime].start();
    await expect.poll(() => told, { timeout: 30_000 }).toBe(2);
    await world.remove(instance);
    await expect.poll(() => told, { timeout: 20_000 }).toBeGreaterThan(2);
    watch?.dispose();
    await world.dispose();
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
