/** The command from end to end, over a real engine process whose guests are processes of this computer. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../src/base/run.ts";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;
let multipass: Berth;

beforeAll(async () => {
  bundle = await bundleCli();
  berth = await Berth.make({}, bundle.cli);
  multipass = berth.as({ BERTH_COMMAND_NAME: "multipass" });
  await berth.ok(["launch", "--name", "web"]);
}, 60_000);
afterAll(async () => {
  await berth?.dispose();
  await bundle?.dispose();
});

test("exec keeps streams, arguments, bytes and exit codes apart", async () => {
  const argv = ["exec", "web", "--", "sh", "-c", 'cat; printf "%s|" "$@" >&2; exit 7', "sh", "a b", "$x", ""];
  expect(await berth.run(argv, { input: "in" })).toEqual({ code: 7, stdout: "in", stderr: "a b|$x||" });
  expect((await berth.run(["exec", "web", "--", "sh", "-c", "kill -KILL $$"])).code).toBe(137);
});

test("a command that ends at once still tells how it ended", async () => {
  const all = await Promise.all(
    Array.from({ length: 12 }, () => berth.run(["exec", "web", "--", "sh", "-c", "exit 9"])),
  );
  expect(all.map((ran) => ran.code)).toEqual(all.map(() => 9));
});

test("a reader that leaves ends the command quietly", async () => {
  const [node = "", cli = ""] = berth.argv;
  const line = `"${node}" "${cli}" exec web -- yes | head -1`;
  expect(await run(["sh", "-c", line], { env: berth.env })).toEqual({ stdout: "y\n", stderr: "" });
});

test("several at once: what can be done is done, what cannot is told", async () => {
  await berth.ok(["launch", "--name", "db"]);
  const { code, stderr } = await berth.run(["stop", "web", "nosuch", "db"]);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining('instance "nosuch" does not exist'),
  });
  expect(await berth.ok(["list"])).toMatch(/^db +Stopped.*\nweb +Stopped/m);
  await berth.ok(["delete", "--purge", "db"]);
});

test("snapshots are taken, listed, restored and removed", async () => {
  expect(await berth.ok(["snapshot", "web", "--comment", "clean"])).toBe("Snapshot taken: web.snapshot1\n");
  expect(await berth.ok(["snapshot", "web", "-n", "second"])).toBe("Snapshot taken: web.second\n");
  expect(await berth.run(["snapshot", "web", "-n", "second"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Snapshot already exists: web.second"),
  });
  expect(await berth.ok(["restore", "web.snapshot1", "--destructive"])).toBe(
    "Snapshot restored: web.snapshot1\n",
  );
  expect(await berth.run(["delete", "web.second"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("Snapshots can only be purged"),
  });
  await berth.ok(["delete", "web.second", "--purge"]);
  expect(await berth.ok(["list", "--snapshots"])).toMatch(
    /^Instance +Snapshot +Parent +Comment\nweb +snapshot1 +-- +clean\n$/,
  );
  expect(await berth.ok(["info", "web.snapshot1"])).toContain("Comment:        clean\n");
});

test("under the name multipass, only its verbs, its bytes and its words", async () => {
  expect(await multipass.ok(["list", "--format", "csv"])).toBe(
    'Name,State,IPv4,Release,AllIPv4,Zone,Zone available\nweb,Stopped,,Fake 1,"",zone1,true\n',
  );
  expect(await multipass.run(["info", "nosuch"])).toEqual({
    code: 2,
    stdout: "",
    stderr: 'info failed: instance "nosuch" does not exist\n',
  });
  expect(await multipass.run(["exec", "web", "--", "true"])).toMatchObject({
    code: 2,
    stderr: 'exec failed: instance "web" is not running\n',
  });
  expect(await multipass.run(["launch", "--memory", "1CiG"])).toMatchObject({
    code: 1,
    stderr: "launch failed: 1CiG is not a valid memory size\n",
  });
  const help = await multipass.run([]);
  expect(help.code).toBe(2);
  expect(help.stdout).toMatch(/^Usage: multipass \[options\] <command>\n/);
  expect(help.stdout).toMatch(/^ {2}shell +Open a shell on an instance$/m);
  expect((await multipass.run(["compat", "install"])).code).toBe(1);
});

test("an alias runs its command with more arguments, from anywhere its script is on PATH", async () => {
  await berth.ok(["start", "web"]);
  const added = await berth.run(["alias", "web:echo", "say"]);
  expect(added).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(path.join(berth.home, "data", "bin")),
  });
  expect(await berth.ok(["say", "--", "-n", "hello"])).toBe("hello");
  expect(await berth.ok(["default.say", "hi"])).toBe("hi\n");
  const script = path.join(berth.home, "data", "bin", "say");
  expect((await run([script, "from", "a script"], { env: berth.env })).stdout).toBe("from a script\n");
  expect(await berth.run(["alias", "web:ls", "list"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("it is a command of berth"),
  });
  await berth.ok(["unalias", "say"]);
  expect(await berth.run(["say"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("unknown command 'say'"),
  });
  expect(await readdir(path.dirname(script))).toEqual([]);
});

test("a port is added, listed and removed", async () => {
  const added = await berth.ok(["port", "add", "web", "8080"]);
  const [, port = ""] = /^127\.0\.0\.1:(\d+)\/tcp → web:8080\n$/.exec(added) ?? [];
  expect(await berth.json(["port", "list", "web"])).toEqual({
    ports: [
      { instance: "web", protocol: "tcp", hostAddress: "127.0.0.1", hostPort: Number(port), guestPort: 8080 },
    ],
  });
  await berth.ok(["port", "remove", "web", port]);
  expect(await berth.ok(["port", "list"])).toBe("No ports are forwarded.\n");
});

test("an instance has labels, which JSON tells", async () => {
  await berth.ok(["set", "local.web.labels=env=test, front"]);
  expect(await berth.ok(["get", "local.web.labels"])).toBe("env=test,front\n");
  const { list } = (await berth.json(["list"])) as {
    list: { name: string; berth: { labels: unknown } }[];
  };
  const labels = list.find(({ name }) => name === "web")?.berth.labels;
  expect(labels).toEqual({ env: "test", front: "" });
  await expect(berth.ok(["set", "local.web.labels=a b"])).rejects.toThrow(/is not a label/);
});

test("an instance is told to start by itself, under the name berth alone", async () => {
  await berth.ok(["set", "local.web.autostart=restore"]);
  expect(await berth.ok(["get", "local.web.autostart"])).toBe("restore\n");
  expect(await berth.ok(["get", "--keys"])).toContain("local.web.autostart\n");
  expect(await multipass.ok(["get", "--keys"])).not.toContain("autostart");
  expect((await multipass.run(["set", "local.web.autostart=on"])).code).not.toBe(0);
  expect((await multipass.run(["launch", "--autostart"])).stderr).toContain("Unknown option 'autostart'.");
  expect(await berth.run(["launch", "--autostart=maybe"])).toMatchObject({ code: 1 });
  await berth.ok(["set", "local.web.autostart=off"]);
});

test("the engine is installed to start at login, renewed, and taken away", async () => {
  const config = path.join(berth.home, "config");
  const own = berth.as({ XDG_CONFIG_HOME: config, PATH: "/nonexistent" });
  const unit = path.join(config, "systemd", "user", "berth.service");
  expect(await own.ok(["autostart"])).toContain("Engine at login: not installed");
  const installed = await own.run(["autostart", "install"]);
  expect(installed).toMatchObject({ code: 0, stdout: expect.stringContaining(`Installed: ${unit}`) });
  expect(installed.stderr).toContain("Run it yourself: systemctl --user enable berth.service");
  expect(installed.stdout).toContain("loginctl enable-linger");
  expect(await own.ok(["autostart", "status"])).toContain(`Engine at login: installed (${unit})`);
  const text = await readFile(unit, "utf8");
  expect(text).toContain(`"BERTH_HOME=${berth.home}"`);
  await writeFile(unit, `${text}# older\n`);
  expect(await own.ok(["autostart", "status"])).toContain("out of date");
  await own.ok(["autostart", "uninstall"]);
  expect(await own.ok(["autostart", "uninstall"])).toBe("Nothing is installed.\n");
  await writeFile(unit, "[Service]\n");
  expect(await own.run(["autostart", "install"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("is another program's"),
  });
});

test("a berth.yaml is brought up once, however often it is asked, and down", async () => {
  const file = path.join(berth.home, "berth.yaml");
  const marker = path.join(berth.home, "marker");
  const steps = [`echo once >> ${marker}`, { run: `echo always >> ${marker}`, always: true }];
  const project = {
    instances: {
      app: { "depends-on": ["base"], ports: ["18081:80"], provision: steps },
      base: { cpus: 2, display: true },
    },
  };
  await writeFile(file, JSON.stringify(project));
  expect(await berth.ok(["up", "--file", file])).toBe("Up: base\nUp: app\n");
  await berth.ok(["up", "--file", file, "app"]);
  expect(await readFile(marker, "utf8")).toBe("once\nalways\nalways\n");
  expect(await berth.ok(["status", "--file", file])).toMatch(/^app +Running +--\nbase +Running +--\n/m);
  expect(await berth.ok(["down", "--file", file])).toBe("Down: app\nDown: base\n");
  await writeFile(file, JSON.stringify({ instances: { base: { cpus: 3, display: false } } }));
  expect(await berth.ok(["status", "--file", file])).toMatch(
    /^base +Stopped +cpus 2, file says 3; display true, file says false$/m,
  );
  await berth.ok(["up", "--file", file]);
  const snapshots = () => berth.ok(["list", "--snapshots"]);
  expect(await snapshots()).toMatch(/^base +before-up-1 +-- +Before what has changed in its file/m);
  await berth.ok(["down", "--file", file]);
  await berth.ok(["up", "--file", file]);
  expect(await snapshots()).not.toContain("before-up-2");
  expect(await berth.json(["info", "base"])).toMatchObject({ info: { base: { berth: { cpus: 3 } } } });
  await writeFile(file, "instances:\n  base: {cpu: 1}\n");
  expect(await berth.run(["up", "--file", file])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("line 2, column 10"),
  });
  expect(await berth.ok(["delete", "--purge", "app", "base"])).toBe("");
});

test("support writes one file, without secrets, and never over another", async () => {
  const file = path.join(berth.home, "support.txt");
  await berth.ok(["support", file]);
  const text = await readFile(file, "utf8");
  expect(text).toContain("== Findings");
  expect(text).not.toContain("PRIVATE KEY");
  expect(await berth.run(["support", file])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("it exists"),
  });
});

test("what an engine says cannot move this terminal's cursor", async () => {
  const { code, stderr } = await berth.run(["launch", "--name", "hostile"]);
  expect(code).toBe(2);
  expect(stderr).toContain("cleared");
  expect(stderr).not.toContain("\u001b");
  expect(stderr).not.toContain("\u0007");
});

test("Ctrl-C during a launch takes it back", async () => {
  const { spawn } = await import("node:child_process");
  const [node = "", ...args] = berth.argv;
  const child = spawn(node, [...args, "launch", "--name", "never-ready"], { env: berth.env });
  let told = "";
  let interrupted = false;
  child.stderr.on("data", (chunk: Buffer) => {
    told += chunk.toString();
    if (interrupted || !told.includes("cloud-init")) return;
    interrupted = true; // A second one would not wait for the end.
    child.kill("SIGINT");
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  expect({ code, told }).toEqual({ code: 2, told: expect.stringContaining("was cancelled") });
  expect(await berth.ok(["list"])).not.toContain("never-ready");
});

test("usage errors are told on stderr, with the exit code 1", async () => {
  for (const args of [
    ["nosuchverb"],
    ["list", "--format", "xml"],
    ["exec"],
    ["stop", "--all", "web"],
    ["delete"],
  ]) {
    const ran = await berth.run(args);
    expect({ args, code: ran.code, stdout: ran.stdout }).toEqual({ args, code: 1, stdout: "" });
    expect(ran.stderr).not.toBe("");
  }
});

test("the words of a snapshot are settings", async () => {
  await berth.ok(["launch", "--name", "kept"]);
  await berth.ok(["stop", "kept"]);
  await berth.ok(["snapshot", "kept", "--comment", "first"]);
  await berth.ok(["snapshot", "kept"]);
  expect(await berth.ok(["get", "local.kept.snapshot1.comment"])).toBe("first\n");
  await berth.ok(["set", "local.kept.snapshot1.comment=a=b c"]);
  expect(await berth.ok(["get", "local.kept.snapshot1.comment"])).toBe("a=b c\n");
  expect(await berth.run(["set", "local.kept.snapshot1.name=snapshot2"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Snapshot already exists: kept.snapshot2"),
  });
  await berth.ok(["set", "local.kept.snapshot1.name=clean"]);
  expect(await berth.ok(["get", "--keys"])).toContain("local.kept.clean.comment\nlocal.kept.clean.name\n");
  for (const wrong of [
    ["get", "local.kept.snapshot1.name"],
    ["set", "local.kept.clean.name"],
    ["set", "local.kept.clean.name=a b"],
  ]) {
    const { code, stderr } = await berth.run(wrong);
    expect(code, wrong.join(" ")).toBeGreaterThan(0);
    expect(stderr).not.toBe("");
  }
});

test("networks lists interfaces in every format, and wait-ready waits for the engine", async () => {
  for (const format of ["table", "json", "csv", "yaml"]) await berth.ok(["networks", "--format", format]);
  const { list } = (await berth.json(["networks"])) as { list: { name: string }[] };
  expect((await berth.ok(["networks", "--format", "csv"])).trim().split("\n")).toHaveLength(list.length + 1);
  await berth.ok(["wait-ready", "--timeout", "30"]);
  expect(await berth.run(["wait-ready", "--timeout", "soon"])).toMatchObject({ code: 1 });
});

test("a passphrase is set, never shown, and checked", async () => {
  expect(await berth.ok(["get", "local.passphrase"])).toBe("false\n");
  expect(await berth.run(["authenticate", "x"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Passphrase is not set"),
  });
  await berth.ok(["set", "local.passphrase=a=b c"]);
  expect(await berth.ok(["get", "local.passphrase"])).toBe("true\n");
  expect(await berth.ok(["get", "--keys"])).toContain("local.passphrase\n");
  await berth.ok(["authenticate", "a=b c"]);
  expect(await berth.run(["auth", "a=b"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Passphrase is not correct"),
  });
  expect(await berth.run(["authenticate"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("no passphrase is given"),
  });
  await berth.ok(["set", "local.passphrase="]);
  expect(await berth.ok(["get", "local.passphrase"])).toBe("false\n");
});
