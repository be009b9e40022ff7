/** Containers of others on a real Docker and a real Podman, by the driver: seen, adopted and left as they were made. */
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DriverInstance } from "../../src/engine/drivers/driver.ts";
import { ctx, execIn } from "../contract/driver.ts";
import { type ContainerWorld, containerWorld } from "../support/container-world.ts";
import { type Runtimes, startRuntimes } from "../support/runtimes.ts";

let runtimes: Runtimes;
beforeAll(async () => {
  runtimes = await startRuntimes();
});
afterAll(() => runtimes?.stop());

describe.each(["docker", "podman"] as const)("%s", (runtime) => {
  let world: ContainerWorld;
  beforeAll(async () => {
    world = await containerWorld(runtimes[runtime]);
  });
  afterAll(() => world?.dispose());

  const foreign = () => {
    const { foreignContainers } = world.driver;
    if (!foreignContainers) throw new Error("no containers of others");
    return foreignContainers;
  };
  /** What of a container nobody may have changed. */
  const madeAs = async (id: string) => {
    type Made = { Id: string; Name: string; Created: string; Config: object; HostConfig: object };
    const options = { query: {} };
    const { api } = runtimes[runtime];
    const { Id, Name, Created, Config, HostConfig } = await api.json<Made>(
      ctx(),
      "GET",
      `/containers/${id}/json`,
      options,
    );
    return { Id, Name, Created, Config, HostConfig };
  };
  const adopted = async (name: string, id: string): Promise<DriverInstance> => {
    const { spec, cpus, memoryBytes, ports } = await foreign().look(ctx(), { runtime, id, name });
    const container = { ...spec, runtime, adopted: id };
    const instance = await world.instance(name, { container, cpus, memoryBytes, ports });
    await foreign().adopt(ctx(), instance);
    return instance;
  };

  test("those of others are told from those of instances", async () => {
    const theirs = await world.foreign("theirs_1");
    const ours = await world.created("ours");
    const all = await foreign().list(ctx());
    expect(all.find(({ id }) => id === theirs)).toMatchObject({
      ...{ runtime, name: "theirs_1", state: "stopped", otherBerth: false },
      image: expect.stringContaining("berth-test"),
    });
    expect(all.find(({ id }) => id === theirs)?.instance).toBeUndefined();
    expect(all.find(({ instance }) => instance === ours.id)).toMatchObject({ otherBerth: false });
  });

  test("they are told of when they come and go, and what they print is read, with a terminal or without", async () => {
    let told = Promise.withResolvers<void>();
    const watching = foreign().watch(() => told.resolve());
    const until = async (find: (name: string) => boolean) => {
      for (;;) {
        await told.promise;
        told = Promise.withResolvers();
        if ((await foreign().list(ctx())).some(({ name }) => find(name))) return;
      }
    };
    for (const Tty of [false, true]) {
      const name = `prints_${Tty}`;
      const id = await world.foreign(name, undefined, { Cmd: ["sh", "-c", "echo one; echo two"], Tty });
      await until((one) => one === name);
      await runtimes[runtime].api.json(ctx(), "POST", `/containers/${id}/start`);
      await runtimes[runtime].api.json(ctx(), "POST", `/containers/${id}/wait`);
      const printed = await text(await foreign().logs(ctx(), { runtime, id, name }, { tail: 1 }));
      expect(printed.trimEnd()).toBe("two");
    }
    watching.dispose();
  });

  test("one that runs is adopted as it is, stopped, started, and deleted", async () => {
    const id = await world.foreign("db", undefined, {
      ...{ Cmd: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"], Env: ["A=b c"] },
      ...{ WorkingDir: "/tmp", Labels: { theirs: "yes" } },
      HostConfig: { Memory: 64 * 2 ** 20, ExtraHosts: ["other:10.0.0.9"] },
    });
    await runtimes[runtime].api.json(ctx(), "POST", `/containers/${id}/start`);
    const before = await madeAs(id);
    const instance = await adopted("db", id);
    expect(instance).toMatchObject({
      memoryBytes: 64 * 2 ** 20,
      container: { env: { A: "b c" }, workdir: "/tmp" },
    });
    const running = await world.driver.attach(ctx(), instance);
    if (!running) throw new Error("it does not run");
    expect((await execIn(running, { argv: ["sh", "-c", "echo $A; pwd"] })).stdout).toBe("b c\n/tmp\n");
    await running.stop(ctx(), "graceful");
    expect(await running.exited).toEqual({ how: "stopped" });
    const again = await world.driver.start(ctx(), { ...instance, name: "renamed" });
    await world.driver.reseed?.(ctx(), { ...instance, name: "renamed" });
    expect(await madeAs(id)).toEqual(before);
    again.release();
    const other = await world.anotherDriver().attach(ctx(), instance);
    expect(other).toBeDefined();
    other?.release();
    await world.driver.delete(ctx(), instance);
    expect(await world.isThere(id)).toBe(false);
  });

  test("a snapshot and a clone of one leave it as it is", async () => {
    const id = await world.foreign("source", undefined, { Cmd: ["sleep", "9999"] });
    const before = await madeAs(id);
    const instance = await adopted("source", id);
    const copy = await world.instance("copy", {
      container: { ...(instance.container as NonNullable<DriverInstance["container"]>), adopted: undefined },
    });
    await world.driver.snapshots?.take(ctx(), instance, copy.id);
    await world.driver.clone?.(ctx(), instance, copy);
    const cloned = await world.driver.start(ctx(), copy);
    expect((await execIn(cloned, { argv: ["hostname"] })).stdout).toBe("copy\n");
    await cloned.stop(ctx(), "force");
    expect(await madeAs(id)).toEqual(before);
  });
});
