/** The built `berth` over a real engine and real guests, from a local catalog: what the README promises. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import { text } from "node:stream/consumers";
import { spawn as spawnPty } from "node-pty";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signalProcess } from "../../src/base/process-identity.ts";
import { Berth, gone } from "../support/berth.ts";
import { type CatalogServer, startCatalogServer } from "../support/catalog-server.ts";
import { testImage } from "../support/guest-image.ts";

type Listed = { name: string; state: string; ipv4: string[]; release: string; berth: { ready: boolean } };

let catalog: CatalogServer;
let berth: Berth;

beforeAll(async () => {
  const image = await testImage();
  catalog = await startCatalogServer([{ file: image.path }]);
  berth = await Berth.make({ BERTH_SETTING_IMAGES_UBUNTU_URL: catalog.url });
});
afterAll(async () => {
  await berth?.dispose();
  await catalog?.close();
});

async function list(): Promise<Listed[]> {
  return ((await berth.json(["list"])) as { list: Listed[] }).list;
}

async function bootId(name: string): Promise<string> {
  return (await berth.ok(["exec", name, "--", "cat", "/proc/sys/kernel/random/boot_id"])).trim();
}

test("a fresh home has no instances, and finds images in the catalog", async () => {
  expect(await berth.ok(["list"])).toBe("No instances found.\n");
  expect(await berth.ok(["find"])).toContain("noble");
});

/** The catalog is Ubuntu's, the image is Debian's: the user that Ubuntu's images have is asked for. */
const userData =
  "#cloud-config\nsystem_info: {default_user: {name: ubuntu}}\nwrite_files: [{path: /etc/marker, content: hello}]\n";

test("launch downloads, verifies, boots and waits until the guest is ready", async () => {
  const { code, stdout, stderr } = await berth.run(
    ["launch", "noble", "--name", "web", "--cpus", "2", "--cloud-init", "-"],
    {
      input: userData,
    },
  );
  expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: "Launched: web\n" });
  expect(stderr).toContain("web: Booting\n");
  expect(await list()).toEqual([
    expect.objectContaining({
      name: "web",
      state: "Running",
      release: "Ubuntu 24.04 LTS",
      berth: expect.objectContaining({ ready: true }),
    }),
  ]);
  const { info } = (await berth.json(["info", "web"])) as { info: Record<string, Record<string, unknown>> };
  expect(info["web"]).toMatchObject({
    state: "Running",
    release: expect.stringContaining("bookworm"),
    cpu_count: "2",
  });
});

test("exec keeps arguments, streams and exit codes apart", async () => {
  expect(await berth.ok(["exec", "web", "--", "uname", "-a"])).toContain("Linux web");
  expect(await berth.ok(["exec", "web", "--", "cat", "/etc/marker"])).toBe("hello");
  expect((await berth.run(["exec", "web", "--", "sh", "-c", "kill -TERM $$"])).code).toBe(143);
  const strange = ["a b", "$HOME", "'q'", '"d"', "*", "", "ü"];
  expect(await berth.ok(["exec", "web", "--", "printf", "%s\\n", ...strange])).toBe(
    `${strange.join("\n")}\n`,
  );
  const both = await berth.run(["exec", "web", "--", "sh", "-c", "cat; echo side >&2; exit 7"], {
    input: "through\n",
  });
  expect(both).toEqual({ code: 7, stdout: "through\n", stderr: "side\n" });
  expect((await berth.run(["exec", "web", "--", "sh", "-c", "kill -TERM $$"])).code).toBe(143);
  expect(await berth.ok(["exec", "web", "-d", "/etc", "--", "pwd"])).toBe("/etc\n");
  const megabytes = await berth.ok([
    "exec",
    "web",
    "--",
    "sh",
    "-c",
    "head -c 3000000 /dev/zero | tr '\\0' x",
  ]);
  expect(megabytes.length).toBe(3_000_000);
});

/** The command on a terminal of its own. */
function onTerminal(...words: string[]) {
  const [file = "", ...args] = berth.argv;
  const terminal = spawnPty(file, [...args, ...words], { cols: 91, rows: 31, env: berth.env });
  let screen = "";
  const seen = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      terminal.onExit(() => reject(new Error(`it ended: ${screen}`)));
      const subscription = terminal.onData(() => {
        if (!pattern.test(screen)) return;
        subscription.dispose();
        resolve();
      });
    });
  terminal.onData((data) => {
    screen += data;
  });
  const ended = new Promise<number>((resolve) => terminal.onExit(({ exitCode }) => resolve(exitCode)));
  return { terminal, seen, ended, screen: () => screen };
}

test("shell is a terminal of the right size that follows its window", async () => {
  const { terminal, seen, ended } = onTerminal("shell", "web");
  await seen(/[$#] $/);
  const sized = seen(/31 91/);
  terminal.write("stty size\r");
  await sized;
  terminal.resize(100, 40);
  const resized = seen(/40 100/);
  terminal.write("sleep 1; stty size\r");
  await resized;
  terminal.write("exit 3\r");
  expect(await ended).toBe(3);
});

test("console is the guest's serial port: its boot can be read, and its login prompt answers", async () => {
  const { terminal, seen, ended, screen } = onTerminal("console", "web");
  // Ctrl-U takes back what an earlier test may have typed, Enter has it ask again.
  const asked = seen(/login: /);
  terminal.write("\x15\r");
  await asked;
  const echoed = seen(/nobody/);
  terminal.write("nobody");
  await echoed;
  terminal.write("\x15\x1d");
  expect(await ended).toBe(0);
  expect(screen()).toContain("Ctrl-] leaves");
  expect(await berth.ok(["log", "web"])).toContain("Linux version");
});

test("a forwarded port leads into the guest, until it is removed", async () => {
  const serve =
    "import socket\ns=socket.create_server(('',8000))\nwhile 1:\n c,_=s.accept(); c.sendall(b'from the guest'); c.close()";
  await berth.ok(["exec", "web", "--", "sudo", "systemd-run", "-q", "python3", "-c", serve]);
  const [, port] =
    /^127\.0\.0\.1:(\d+)\/tcp → web:8000$/m.exec(await berth.ok(["port", "add", "web", "8000"])) ?? [];
  const said = async () => {
    const socket = net.connect(Number(port), "127.0.0.1");
    return text(socket).catch(() => "");
  };
  // The program in the guest may still be starting.
  await expect.poll(said, { timeout: 30_000, interval: 500 }).toBe("from the guest");
  expect(await berth.json(["port", "list"])).toMatchObject({ ports: [{ instance: "web", guestPort: 8000 }] });
  await berth.ok(["port", "remove", "web", String(port)]);
  await expect(once(net.connect(Number(port), "127.0.0.1"), "connect")).rejects.toThrow("ECONNREFUSED");
});

test("what listens in a guest is detected, and reached through SSH where it is on its loopback alone", async () => {
  const serve =
    "import socket,sys\ns=socket.create_server((sys.argv[1],8001),family=socket.AF_INET6)\nwhile 1:\n c,_=s.accept(); c.sendall(b'from its loopback'); c.close()";
  await berth.ok(["exec", "web", "--", "sudo", "systemd-run", "-q", "python3", "-c", serve, "::1"]);
  const listening = async () => {
    const { listeners } = (await berth.json(["port", "detect", "web"])) as { listeners: { port: number }[] };
    return listeners.find(({ port }) => port === 8001);
  };
  await expect.poll(listening, { timeout: 120_000, interval: 500 }).toMatchObject({
    protocol: "tcp",
    address: "::1",
    via: "ssh",
    process: expect.stringMatching(/^python3/),
  });
  expect(await berth.ok(["port", "detect", "web"])).not.toContain("sshd");
  const [, port] =
    /^127\.0\.0\.1:(\d+)\/tcp → web:8001$/m.exec(
      await berth.ok(["port", "add", "web", "8001", "--via", "ssh"]),
    ) ?? [];
  expect(await text(net.connect(Number(port), "127.0.0.1"))).toBe("from its loopback");
  const { listeners } = (await berth.json(["port", "detect", "web"])) as { listeners: { port: number }[] };
  expect(listeners.map((one) => one.port)).not.toContain(22);
  await berth.ok(["port", "remove", "web", String(port)]);
  await expect(once(net.connect(Number(port), "127.0.0.1"), "connect")).rejects.toThrow("ECONNREFUSED");
});

test("bad input is refused with words and exit codes, and changes nothing", async () => {
  const cases: [string[], number, RegExp][] = [
    [["launch", "nosuchimage"], 2, /launch failed: .*nosuchimage/],
    [["launch", "--name", "-bad"], 1, /name/i],
    [["launch", "--name", "web"], 2, /instance "web" already exists/],
    [["launch", "--memory", "1CiG"], 1, /1CiG is not a valid memory size/],
    [["launch", "--cpus", "0"], 1, /0 is not a valid number of CPUs/],
    [["launch", "--cpus", "500"], 2, /500 CPUs .*this host has/],
    [["launch", "--disk", "900T"], 2, /disk/],
    [["start", "nosuch"], 2, /instance "nosuch" does not exist/],
    [["exec", "nosuch", "--", "true"], 2, /instance "nosuch" does not exist/],
    [["exec", "web", "--", "no-such-program"], 127, /not found/],
    [["nosuchverb"], 1, /unknown command/],
    [["get", "no.such"], 1, /Unrecognized settings key/],
  ];
  for (const [args, code, words] of cases) {
    const ran = await berth.run(args);
    expect({ args, code: ran.code, stderr: ran.stderr }).toEqual({
      args,
      code,
      stderr: expect.stringMatching(words),
    });
  }
  const yaml = await berth.run(["launch", "--cloud-init", "-"], { input: "#cloud-config\na: [1\nb: 2\n" });
  expect(yaml).toMatchObject({ code: 1, stderr: expect.stringMatching(/line \d+, column \d+/) });
  expect((await list()).map((one) => one.name)).toEqual(["web"]);
});

test("a failing cloud-init is told in its own words, long before the time-out, and the guest stays", async () => {
  const failing =
    "#cloud-config\nsystem_info: {default_user: {name: ubuntu}}\nruncmd:\n  - echo the-reason-why >&2; exit 3\n";
  const ran = await berth.run(["launch", "noble", "--name", "broken", "--cloud-init", "-"], {
    input: failing,
  });
  expect(ran).toMatchObject({ code: 2, stderr: expect.stringMatching(/cloud-init failed: .*runcmd/) });
  expect(ran.stderr).toContain("the-reason-why");
  expect((await list()).find((one) => one.name === "broken")).toMatchObject({
    state: "Running",
    berth: { ready: false },
  });
  expect(await berth.run(["cloud-init", "status", "broken"])).toMatchObject({ code: 2 });
  expect(await berth.ok(["cloud-init", "log", "broken"])).toContain("the-reason-why");
  expect(await berth.ok(["exec", "broken", "--", "echo", "here"])).toBe("here\n");
});

test("an engine killed with -9 loses nothing: two guests are adopted, the launch that it was in is finished", async () => {
  const before = { web: await bootId("web"), broken: await bootId("broken") };
  const launching = berth.run(["launch", "noble", "--name", "third", "--cloud-init", "-"], {
    input: userData,
  });
  const engine = await berth.enginePid();
  if (engine === undefined) throw new Error("no engine");
  while ((await berth.qemuPids()).length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
  signalProcess(engine, "SIGKILL");
  await gone(engine);
  expect((await berth.qemuPids()).length).toBe(3);

  const names = (await list()).map(({ name, state }) => [name, state]);
  expect(names).toEqual(
    expect.arrayContaining([
      ["web", "Running"],
      ["broken", "Running"],
    ]),
  );
  expect(await berth.enginePid()).not.toBe(engine);
  expect({ web: await bootId("web"), broken: await bootId("broken") }).toEqual(before);
  // The client that waited for the launch follows it on the new engine.
  expect(await launching).toMatchObject({ code: 0, stdout: "Launched: third\n" });
  expect(await berth.ok(["exec", "third", "--", "cat", "/etc/marker"])).toBe("hello");
  await berth.ok(["delete", "--purge", "third", "broken"]);
});

test("stop, start and restart keep the disk; delete, recover and purge go through the trash", async () => {
  const first = await bootId("web");
  await berth.ok(["exec", "web", "--", "sh", "-c", "echo kept > ~/file && sync"]);
  const watching = onTerminal("console", "web");
  await watching.seen(/Connected to the console of web/);
  await berth.ok(["stop", "web"]);
  expect(await watching.ended).toBe(0);
  expect(watching.screen()).toMatch(/Power down[\s\S]*web has stopped\./);
  expect((await list())[0]).toMatchObject({ state: "Stopped", ipv4: [] });
  expect(await berth.qemuPids()).toEqual([]);
  expect(await berth.run(["exec", "web", "--", "true"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('instance "web" is not running'),
  });
  await berth.ok(["delete", "web"]);
  expect((await list())[0]).toMatchObject({ state: "Deleted" });
  expect(await berth.run(["start", "web"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Recover it first"),
  });
  await berth.ok(["recover", "web"]);
  await berth.ok(["start", "web"]);
  expect(await bootId("web")).not.toBe(first);
  expect(await berth.ok(["exec", "web", "--", "sh", "-c", "cat ~/file"])).toBe("kept\n");

  const [pid] = await berth.qemuPids();
  if (pid === undefined) throw new Error("no QEMU");
  signalProcess(pid, "SIGKILL");
  await gone(pid);
  const { info } = (await berth.json(["info", "web"])) as {
    info: { web: { state: string; berth: { problems: { message: string }[] } } };
  };
  expect(info.web.state).toBe("Stopped");
  expect(info.web.berth.problems.map((problem) => problem.message).join()).toMatch(/ended|killed/);

  await berth.ok(["delete", "web"]);
  await berth.ok(["purge"]);
  expect(await list()).toEqual([]);
});

test("no secret has reached the engine's log", async () => {
  const log = await readFile(path.join(berth.home, "data", "engine.log"), "utf8");
  expect(log).not.toContain("PRIVATE KEY");
  expect(log).not.toContain("/etc/marker");
  expect(log).toContain("starting QEMU");
});
