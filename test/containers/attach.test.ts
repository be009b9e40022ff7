/** The main process of a container on a real Docker and a real Podman: joined, typed at, resized, left, and ended. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sleep } from "../../src/base/async.ts";
import type { DriverInstance } from "../../src/engine/drivers/driver.ts";
import type { AttachRequest, Running } from "../../src/engine/drivers/running.ts";
import { ctx } from "../contract/driver.ts";
import { text } from "../contract/streams.ts";
import { type ContainerWorld, containerWorld, shellIn } from "../support/container-world.ts";
import { type Runtimes, startRuntimes } from "../support/runtimes.ts";

let runtimes: Runtimes;
beforeAll(async () => {
  runtimes = await startRuntimes();
});
afterAll(() => runtimes?.stop());

/** Says what it reads, and ends with a code of its own when it is told to. */
const ECHO =
  "trap 'echo told; exit 6' USR1; while read line; do echo \"<$line>\"; [ $line = end ] && exit 7; done; sleep 9999";
/** Says its size whenever that changes. */
const SIZES = "trap 'stty size' WINCH; echo on; while :; do sleep 0.1; done";

describe.each(["docker", "podman"] as const)("%s", (runtime) => {
  let world: ContainerWorld;
  beforeAll(async () => {
    world = await containerWorld(runtimes[runtime]);
  });
  afterAll(() => world?.dispose());

  const made = (script: string, kind: { tty?: boolean; interactive?: boolean }): Partial<DriverInstance> => {
    const { container } = world.running(["sh", "-c", script]);
    return { container: { ...container, ...kind } };
  };
  const joined = async (running: Running, request: AttachRequest = {}) => {
    const main = await running.attach?.(ctx(), request);
    if (!main) throw new Error("it cannot be joined");
    let out = "";
    let err = "";
    main.stdout.on("data", (chunk) => {
      out += String(chunk);
    });
    main.stderr.on("data", (chunk) => {
      err += String(chunk);
    });
    const shows = (words: string) => expect.poll(() => out, { timeout: 20_000 }).toContain(words);
    return { main, shows, out: () => out, err: () => err };
  };

  test("one with a terminal is typed at, left, and joined again; what it ends with is told", async () => {
    const { running } = await world.started("term", made(ECHO, { tty: true, interactive: true }));
    const first = await joined(running);
    first.main.stdin.write("one\n");
    await first.shows("<one>");
    first.main.close();
    expect(await shellIn(running, "echo on")).toBe("on\n");
    const [second, third] = [await joined(running), await joined(running, { stdin: false })];
    second.main.stdin.write("two\n");
    await Promise.all([second.shows("<two>"), third.shows("<two>")]);
    expect(second.out()).not.toContain("<one>");
    second.main.stdin.write("end\n");
    expect(await second.main.exited).toEqual({ code: 7 });
    expect(await third.main.exited).toEqual({ code: 7 });
    expect(await running.exited).toMatchObject({ how: "crashed", detail: expect.stringContaining("7") });
  });

  test("its terminal takes the size of whoever joins, and later ones", async () => {
    const { running } = await world.started("sizes", made(SIZES, { tty: true }));
    const { main, shows } = await joined(running, { size: { cols: 97, rows: 33 } });
    await shows("33 97");
    main.resize({ cols: 120, rows: 40 });
    await shows("40 120");
    main.close();
  });

  test("what a terminal shows is in its log as it was shown", async () => {
    const { instance, running } = await world.started("shown", made("echo seen; sleep 9999", { tty: true }));
    const log = async () => text((await world.driver.logs?.(ctx(), instance, {})) ?? ([] as never));
    await expect.poll(log, { timeout: 20_000 }).toBe("seen\r\n");
    await running.stop(ctx(), "force");
  });

  test("without a terminal both its outputs come apart, and the end of what is sent ends nothing", async () => {
    const { running } = await world.started("pipes", made(ECHO, { interactive: true }));
    const first = await joined(running);
    first.main.stdin.end("one\n");
    await first.shows("<one>");
    const second = await joined(running);
    second.main.stdin.write("\x10\x11two\n"); // No keys that leave, but bytes.
    await Promise.all([first, second].map(({ shows }) => shows("<\x10\x11two>")));
    second.main.signal("USR1");
    second.main.stdin.write("three\n"); // A shell looks at its signals between two lines.
    expect(await second.main.exited).toEqual({ code: 6 });
    expect(await first.main.exited).toEqual({ code: 6 });
    expect(first.out()).toContain("told");
    expect(first.err()).toBe("");
  });

  test("what reads nothing takes what is sent to it, and says what it does on both outputs", async () => {
    const script = "trap 'echo out; echo err >&2; exit 0' TERM; while :; do sleep 0.1; done";
    const { running } = await world.started("closed", made(script, {}));
    const { main, out, err } = await joined(running);
    expect(main.stdin.writable).toBe(false);
    await running.stop(ctx(), "graceful");
    expect(await main.exited).toEqual({ code: 0 });
    expect([out(), err()]).toEqual(["out\n", "err\n"]);
  });

  test("the code is that of the run that was joined, where its runtime starts it again", async () => {
    const more = made(ECHO, { tty: true, interactive: true });
    const container = { ...more.container, restart: "always" } as NonNullable<DriverInstance["container"]>;
    const { running } = await world.started("again", { container });
    const { main } = await joined(running);
    main.stdin.write("end\n");
    expect(await main.exited).toEqual({ code: 7 });
    await running.stop(ctx(), "force");
  });

  test("where its runtime takes the keys for a wish to leave, it ends without a code", async () => {
    const { running } = await world.started("keys", made(ECHO, { tty: true, interactive: true }));
    const { main } = await joined(running, { detachKeys: "ctrl-x,ctrl-y" });
    // As they are typed: runtimes know them by themselves alone.
    for (const key of ["\x10", "\x11", "\n", "\x18", "\x19"]) {
      main.stdin.write(key);
      await sleep(200);
    }
    expect(await main.exited).toEqual({});
    expect(await shellIn(running, "echo on")).toBe("on\n");
  });

  test("much output waits for whoever reads it, and all of it comes", async () => {
    const script = "read go; dd if=/dev/zero bs=1000 count=8000 2>/dev/null; read stop";
    const { running } = await world.started("much", made(script, { interactive: true }));
    const main = await running.attach?.(ctx(), {});
    if (!main) throw new Error("it cannot be joined");
    main.stdin.write("go\n");
    await once(main.stdout, "readable");
    main.stdin.write("stop\n");
    let bytes = 0;
    for await (const chunk of main.stdout) bytes += (chunk as Buffer).length;
    expect(bytes).toBe(8_000_000);
    expect(await main.exited).toEqual({ code: 0 });
  });

  test("a call that is cancelled joins nothing", async () => {
    const { running } = await world.started("cancelled", made(ECHO, {}));
    await expect(running.attach?.(ctx(AbortSignal.abort()), {})).rejects.toMatchObject({
      name: "AbortError",
    });
  });
});
