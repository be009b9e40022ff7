/** Containers of a real Docker and a real Podman by the shipped command and engine: an application and a machine. */
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { get } from "node:http";
import path from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Berth } from "../support/berth.ts";
import { containerCommands } from "../support/container-commands.ts";
import { loadImage, makeImage } from "../support/container-image.ts";
import { freePort } from "../support/free-port.ts";
import { onTerminal } from "../support/on-terminal.ts";

const IMAGE = "localhost/berth-cli:1";
/** Serves what is in its directory, and says what it does. */
const SERVE = "trap 'exit 0' TERM; echo serving as $MODE; httpd -f -p 80 -h /tmp & wait $!";

const world = containerCommands();

describe.each(["docker", "podman"] as const)("%s", (runtime) => {
  let berth: Berth;
  let port: number;

  beforeAll(async () => {
    const { api } = world.runtimes[runtime];
    await loadImage(api, await makeImage(), IMAGE);
    berth = await world.berthOn(runtime);
    port = await freePort();
  });
  afterAll(async () => {
    await berth?.run(["delete", "--purge", "--all"]);
    await berth?.dispose();
  });

  const containers = async () => {
    const filters = JSON.stringify({ label: ["berth.instance"] });
    const options = { query: { all: "true", filters } };
    const signal = AbortSignal.timeout(30_000);
    return world.runtimes[runtime].api.json<{ Names: string[] }[]>(
      { signal },
      "GET",
      "/containers/json",
      options,
    );
  };
  const stateOf = async (name: string) => {
    const { list } = (await berth.json(["list"])) as { list: { name: string; state: string }[] };
    return list.find((one) => one.name === name)?.state;
  };

  test("the engine tells of it, and of VMs as ever", async () => {
    expect(await berth.ok(["engine", "info"])).toMatch(/^Driver: +oci /m);
    expect((await berth.run(["doctor"])).stdout).toMatch(/^✓ oci: +version (Docker|Podman) /m);
  });

  test("an application: launch, exec, logs, stats, a port that answers", async () => {
    const options = ["--name", "web", "-e", "MODE=test", "-p", `${port}:80`, "--memory", "256M"];
    expect(await berth.ok(["launch", `${runtime}:${IMAGE}`, ...options, "--", "sh", "-c", SERVE])).toBe(
      "Launched: web\n",
    );
    expect(await berth.ok(["info", "web"])).toMatch(
      new RegExp(`^Container: +application on ${runtime}$`, "m"),
    );
    expect(await berth.ok(["exec", "web", "--", "sh", "-c", "echo $MODE; exit 0"])).toBe("test\n");
    expect((await berth.run(["exec", "web", "--", "sh", "-c", "exit 7"])).code).toBe(7);
    expect(await berth.ok(["logs", "web"])).toBe("serving as test\n");
    await berth.ok(["exec", "web", "--", "sh", "-c", "echo page > /tmp/index.html"]);
    await expect.poll(() => fetched(port), { timeout: 20_000 }).toBe("page\n");
    expect(await berth.ok(["stats", "--no-stream", "web"])).toMatch(/^web +[\d.]+% +\S+ of 256MiB/m);
  });

  test("files are copied in and out, as they are", async () => {
    const folder = path.join(berth.home, "files");
    await mkdir(folder);
    await writeFile(path.join(folder, "a b"), Buffer.from([0, 255, 10]));
    await berth.ok(["transfer", "-r", folder, "web:copied"]);
    await berth.ok(["transfer", "web:copied/a b", path.join(berth.home, "back")]);
    expect(await readFile(path.join(berth.home, "back"))).toEqual(Buffer.from([0, 255, 10]));
  });

  test("it is paused and goes on; followed logs end with its run", async () => {
    await berth.ok(["pause", "web"]);
    expect(await stateOf("web")).toBe("Paused");
    expect((await berth.run(["exec", "web", "--", "true"])).stderr).toContain("is paused");
    await berth.ok(["unpause", "web"]);
    const following = berth.ok(["logs", "-f", "web"]);
    await berth.ok(["stop", "web"]);
    expect(await following).toBe("serving as test\n");
    expect(await stateOf("web")).toBe("Stopped");
    expect(await berth.ok(["logs", "web"])).toBe("serving as test\n");
  });

  test("a snapshot is what it was; a clone is another", async () => {
    await berth.ok(["snapshot", "web", "--name", "one"]);
    await berth.ok(["start", "web"]);
    await berth.ok(["exec", "web", "--", "rm", "/tmp/index.html"]);
    await berth.ok(["stop", "web"]);
    await berth.ok(["restore", "--destructive", "web.one"]);
    await berth.ok(["clone", "web", "--name", "twin"]);
    await berth.ok(["start", "web", "twin"]);
    await expect.poll(() => fetched(port), { timeout: 20_000 }).toBe("page\n");
    await berth.ok(["exec", "twin", "--", "sh", "-c", "echo other > /tmp/index.html"]);
    expect(await berth.ok(["exec", "web", "--", "cat", "/tmp/index.html"])).toBe("page\n");
    await berth.ok(["rename", "twin", "other"]);
    expect(await berth.ok(["exec", "other", "--", "cat", "/tmp/index.html"])).toBe("other\n");
  });

  test("one that ends by itself has ended well, one that fails says so", async () => {
    await berth.ok(["launch", `${runtime}:${IMAGE}`, "--name", "once", "--", "echo", "done"]);
    await expect.poll(() => stateOf("once"), { timeout: 20_000 }).toBe("Stopped");
    expect(await berth.ok(["logs", "once"])).toBe("done\n");
    await berth.run(["launch", `${runtime}:${IMAGE}`, "--name", "bad", "--", "sh", "-c", "echo why; exit 3"]);
    await expect.poll(() => stateOf("bad"), { timeout: 20_000 }).toBe("Stopped");
    expect(await berth.ok(["info", "bad"])).toMatch(/^error: .*3/m);
    expect(await berth.ok(["logs", "bad"])).toBe("why\n");
  });

  test("a machine: a shell, a mount, and what it has written outlives a stop", async () => {
    const shared = path.join(berth.home, "shared");
    await mkdir(shared);
    const options = ["--name", "box", "--shape", "machine", "--mount", `${shared}:/shared`];
    await berth.ok(["launch", `${runtime}:${IMAGE}`, ...options]);
    const { stdout } = await berth.run(["shell", "box"], { input: "echo from-$((40 + 2)) > /shared/said\n" });
    expect(stdout).toBe("");
    expect(await readFile(path.join(shared, "said"), "utf8")).toBe("from-42\n");
    await berth.ok(["exec", "box", "--", "sh", "-c", "echo kept > /root/kept"]);
    await berth.ok(["restart", "box"]);
    expect(await berth.ok(["exec", "box", "--", "cat", "/root/kept"])).toBe("kept\n");
  });

  test("one that is typed at is left and goes on; what it holds becomes an image; it ends with its code", async () => {
    await berth.ok(["launch", `${runtime}:${IMAGE}`, "--name", "term", "-it", "--", "sh"]);
    const attached = onTerminal(berth, "attach", "term");
    await attached.shows("Attached to term: ctrl-p,ctrl-q leaves.");
    attached.type("echo in-$((40 + 2)) > /said; cat /said\r");
    await attached.shows("in-42");
    attached.type("\x10\x11");
    expect(await attached.ended).toBe(0);
    const file = path.join(berth.home, "term.tar");
    await berth.ok(["export", "term", file]);
    const imported = "localhost/berth-imported:1";
    await berth.ok(["import", file, `${runtime}:${imported}`]);
    await berth.ok(["launch", `${runtime}:${imported}`, "--name", "copy", "--", "sleep", "9999"]);
    expect(await berth.ok(["exec", "copy", "--", "cat", "/said"])).toBe("in-42\n");
    const again = onTerminal(berth, "attach", "term");
    await again.shows("Attached to term");
    again.type("exit 5\r");
    expect(await again.ended).toBe(5);
    await berth.ok(["delete", "--purge", "term", "copy"]);
  });

  test("one is let go of as it is, listed as another's, and taken in again", async () => {
    await berth.ok(["release", "box"]);
    expect(await stateOf("box")).toBeUndefined();
    const { containers: foreign } = (await berth.json(["foreign"])) as {
      containers: { name: string; state: string; runtime: string }[];
    };
    expect(foreign).toMatchObject([
      { name: expect.stringMatching(/^berth-box-/), state: "running", runtime },
    ]);
    expect(await berth.ok(["adopt", foreign[0]?.name ?? "", "--name", "box"])).toBe("Adopted: box\n");
    expect(await berth.ok(["foreign"])).toBe("No containers of others on this host.\n");
    expect(await berth.ok(["info", "box"])).toMatch(
      new RegExp(`^Container: .* on ${runtime} \\(adopted\\)$`, "m"),
    );
    expect(await berth.ok(["exec", "box", "--", "cat", "/root/kept"])).toBe("kept\n");
  });

  test("what cannot be is refused in words", async () => {
    const missing = await berth.run(["launch", `${runtime}:localhost:1/nothing:9`, "--name", "none"]);
    expect(missing.code).not.toBe(0);
    expect(missing.stderr).toMatch(/^launch failed: cannot /m);
    expect(await stateOf("none")).toBeUndefined();
    expect((await berth.run(["suspend", "box"])).stderr).toContain("berth pause box");
  });

  test("deleted ones are gone, and so are their containers", async () => {
    await berth.ok(["delete", "web"]);
    await berth.ok(["recover", "web"]);
    await berth.ok(["delete", "--purge", "web", "other", "once", "bad", "box"]);
    expect(await berth.ok(["list"])).toBe("No instances found.\n");
    expect(await containers()).toEqual([]);
    await access(path.join(berth.home, "shared", "said"));
  });
});

function fetched(port: number): Promise<string> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path: "/index.html" }, (answer) => resolve(text(answer)));
    request.on("error", (error) => resolve(error.message));
  });
}
