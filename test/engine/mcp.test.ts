/** `berth mcp` driven by the MCP SDK's client; what stands for guests are directories of this computer. */
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signalProcess } from "../../src/base/process-identity.ts";
import { Berth, gone } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";
import { McpClient } from "../support/mcp-client.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;
let mcp: McpClient;
let home: string;

beforeAll(async () => {
  bundle = await bundleCli();
  berth = await Berth.make({}, bundle.cli);
  mcp = await McpClient.open(berth);
  home = path.join(berth.home, "guests/web");
  await mcp.ok("launch_instance", { instance: "web", image: "default" });
}, 60_000);
afterAll(async () => {
  await mcp?.close();
  await berth?.dispose();
  await bundle?.dispose();
});

const LIMA = [
  "list_directory",
  "read_file",
  "write_file",
  "glob",
  "search_file_content",
  "run_shell_command",
];

test("tools say what they do, and what they may destroy", async () => {
  const { tools } = await mcp.client.listTools();
  const named = new Map(tools.map((one) => [one.name, one]));
  for (const name of LIMA) expect([...named.keys()]).toContain(name);
  for (const one of tools) {
    expect(one.description?.length).toBeGreaterThan(30);
    expect(one.inputSchema).toMatchObject({ type: "object" });
    if (one.annotations?.readOnlyHint) expect(one.annotations.destructiveHint).toBe(false);
  }
  expect(named.get("delete_instance")).toMatchObject({
    annotations: { readOnlyHint: false, destructiveHint: true },
    inputSchema: { properties: { confirm: { type: "boolean" } }, required: ["instance"] },
  });
  expect(named.get("read_file")?.inputSchema.properties).not.toHaveProperty("confirm");
  expect(await mcp.call("no_such_tool")).toMatchObject({
    failed: true,
    text: expect.stringContaining("no such tool"),
  });
});

test("an instance is launched isolated, listed and described", async () => {
  expect(JSON.parse(await mcp.ok("list_instances"))).toMatchObject([
    { name: "web", state: "running", network: "isolated" },
  ]);
  expect(JSON.parse(await mcp.ok("instance_info", { instance: "web" }))).toMatchObject({
    state: "running",
    guest: { hostname: "web" },
  });
  expect(await mcp.call("instance_info", { instance: "none" })).toMatchObject({
    failed: true,
    text: expect.stringContaining('"none" does not exist'),
  });
  expect(await mcp.call("launch_instance", { instance: "open", network: "default" })).toMatchObject({
    failed: true,
    text: expect.stringMatching(/without the user's consent: Launch open .*reach the Internet/),
  });
});

test("exec: streams, exit code, directory, environment, what is hostile, what is long", async () => {
  const run = (script: string, more = {}) =>
    mcp.ok("exec", { instance: "web", argv: ["sh", "-c", script], ...more });
  expect(await run("echo out; echo err >&2; exit 3")).toBe(
    "exit code 3\n--- stdout ---\nout\n--- stderr ---\nerr",
  );
  await mkdir(path.join(home, "sub"), { recursive: true });
  expect(await run("pwd; echo $WORD", { cwd: "sub", env: { WORD: "a b" } })).toBe(
    `exit code 0\n--- stdout ---\n${path.join(home, "sub")}\na b`,
  );
  expect(await run("printf '\\033[31mred\\033[0m \\342\\200\\256evil'")).toContain("red <U+202E>evil");
  const long = await run("echo first; head -c 10000000 /dev/zero | tr '\\0' x; echo; echo last", {
    max_output_bytes: 4000,
  });
  expect(long.length).toBeLessThan(4300);
  expect(long).toMatch(/first\nx+\n\[… 9\.5MiB of 9\.5MiB left out …\]\nx+\nlast$/);
  expect(await run("kill -KILL $$")).toBe("ended by signal KILL");
});

test("a command that takes too long is ended, and so is one that is given up on", async () => {
  const mark = path.join(berth.home, "mark");
  const sleeper = ["sh", "-c", 'echo $$ > "$0"; exec sleep 600', mark];
  const alive = async () => {
    const pid = Number(await readFile(mark, "utf8"));
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  };
  expect(await mcp.call("exec", { instance: "web", argv: sleeper, timeout_seconds: 1 })).toMatchObject({
    failed: true,
    text: expect.stringContaining("timed-out"),
  });
  await expect.poll(alive, { timeout: 20_000 }).toBe(false);

  const giveUp = new AbortController();
  await writeFile(mark, "");
  const called = mcp.call("exec", { instance: "web", argv: sleeper }, { signal: giveUp.signal });
  called.catch(() => {});
  await expect.poll(() => readFile(mark, "utf8"), { timeout: 20_000 }).toMatch(/\d/);
  expect(await alive()).toBe(true);
  giveUp.abort();
  await expect(called).rejects.toThrow();
  await expect.poll(alive, { timeout: 20_000 }).toBe(false);
});

test("files are written, read, listed, found and searched", async () => {
  const call = (name: string, input: object) => mcp.call(name, { instance: "web", ...input });
  const ok = (name: string, input: object) => mcp.ok(name, { instance: "web", ...input });
  expect(await ok("write_file", { path: "p/a.ts", content: "one\nzwei ü\n" })).toContain("12 bytes written");
  expect(await readFile(path.join(home, "p/a.ts"), "utf8")).toBe("one\nzwei ü\n");
  await chmod(path.join(home, "p/a.ts"), 0o755);
  await ok("write_file", { path: "p/a.ts", content: "one\ntwo\n" });
  await ok("write_file", {
    path: "p/bin",
    content: Buffer.from([0, 1, 254]).toString("base64"),
    encoding: "base64",
  });
  expect(
    await call("write_file", { path: "p/bin", content: "not base64!", encoding: "base64" }),
  ).toMatchObject({ failed: true });
  await symlink("a.ts", path.join(home, "p/link"));
  await ok("write_file", { path: "p/link", content: "through\n" });
  expect(await readFile(path.join(home, "p/a.ts"), "utf8")).toBe("through\n");

  expect(await ok("read_file", { path: "p/a.ts" })).toBe("through\n");
  expect(await ok("read_file", { path: "p/a.ts", offset: 3, max_bytes: 2 })).toBe("ou\n[bytes 3 to 5 of 8]");
  expect(await ok("read_file", { path: "p/bin" })).toBe("[binary, base64, 3 bytes]\nAAH+");
  expect(await call("read_file", { path: "p/none" })).toMatchObject({
    failed: true,
    text: expect.stringContaining("not-found"),
  });
  expect(await call("read_file", { path: "/dev/zero" })).toMatchObject({
    failed: true,
    text: expect.stringContaining("Not a regular file"),
  });
  expect(await call("read_file", { path: "p" })).toMatchObject({
    failed: true,
    text: expect.stringContaining("Is a directory"),
  });

  const { entries } = JSON.parse(await ok("list_directory", { path: "p" }));
  expect(entries).toMatchObject([
    { name: "a.ts", is_dir: false, size: 8, mode: "755" },
    { name: "bin", size: 3 },
    { name: "link", kind: "symbolic link" },
  ]);
  await ok("write_file", { path: "p/deep/er/b.ts", content: "needle here\n" });
  expect(await ok("glob", { path: "p", pattern: "**/*.ts" })).toBe("a.ts\ndeep/er/b.ts");
  expect(await ok("glob", { path: "p", pattern: "*.md" })).toBe("No file matches.");
  expect(await ok("search_file_content", { path: "p", pattern: "need.e" })).toBe(
    "./deep/er/b.ts:1:needle here\n",
  );
  expect(await ok("search_file_content", { path: "p", pattern: "need.e", include: "*.md" })).toBe(
    "No line matches.",
  );
  expect(await call("search_file_content", { path: "p", pattern: "(" })).toMatchObject({ failed: true });
  expect(await call("exec", { argv: [] })).toMatchObject({
    failed: true,
    text: expect.stringContaining("argv"),
  });
});

test("names are arguments, never commands", async () => {
  const evil = "$(touch owned)`touch owned`; touch owned #";
  await mcp.ok("write_file", { instance: "web", path: evil, content: "x" });
  expect(await mcp.ok("read_file", { instance: "web", path: evil })).toBe("x");
  expect(await mcp.ok("glob", { instance: "web", pattern: "owned" })).toBe("No file matches.");
});

test("what destroys is not done before somebody has agreed", async () => {
  await mcp.ok("launch_instance", { instance: "victim" });
  const question = "Stop victim and move it to the trash? It can be recovered from there.";
  expect(await mcp.call("delete_instance", { instance: "victim" })).toMatchObject({
    failed: true,
    text: expect.stringContaining(question),
  });
  const asked: string[] = [];
  let answer: "accept" | "decline" = "decline";
  const asking = await McpClient.open(berth, {
    asked: (text) => {
      asked.push(text);
      return answer;
    },
  });
  try {
    // Where the user can be asked, the model's word is not enough.
    expect((await asking.call("delete_instance", { instance: "victim", confirm: true })).failed).toBe(true);
    expect(await berth.ok(["list"])).toMatch(/victim +Running/);
    answer = "accept";
    expect(await asking.ok("delete_instance", { instance: "victim" })).toBe("victim is in the trash.");
    expect(asked).toEqual([question, question]);
  } finally {
    await asking.close();
  }
  expect(await mcp.ok("delete_instance", { instance: "victim", purge: true, confirm: true })).toContain(
    "for good",
  );
});

test("a snapshot, a change, and back again", async () => {
  const confirm = true;
  expect(await mcp.call("take_snapshot", { instance: "web" })).toMatchObject({
    failed: true,
    text: expect.stringContaining("programs in it end"),
  });
  expect(await mcp.ok("take_snapshot", { instance: "web", snapshot: "before", confirm })).toBe(
    "Snapshot taken: web.before\nweb was stopped for that, and runs again.",
  );
  const back = { instance: "web", snapshot: "before", discard: true, confirm };
  expect(await mcp.ok("restore_snapshot", back)).toContain("web is what it was at before.");
  expect(await mcp.call("restore_snapshot", { ...back, snapshot: "none" })).toMatchObject({ failed: true });
  expect(JSON.parse(await mcp.ok("list_instances"))).toMatchObject([{ name: "web", state: "running" }]);
});

test("a sandbox is made, changed and looked at", async () => {
  const folder = path.join(berth.home, "project");
  await mkdir(folder);
  await writeFile(path.join(folder, "a"), "old\n");
  expect(await mcp.call("create_sandbox", { folder })).toMatchObject({
    failed: true,
    text: expect.stringContaining(`copy the files of ${folder} into it`),
  });
  const steps: string[] = [];
  const onprogress = ({ message }: { message?: string }) => void steps.push(message ?? "");
  const made = await mcp.call("create_sandbox", { folder, instance: "box", confirm: true }, { onprogress });
  expect(made.text).toContain("Sandbox: box. The project is in ~/project there: 1 file of");
  // The first of them may be over before anybody has asked.
  expect(steps.join("\n")).toMatch(/^box: (create|boot|cloud-init)$/m);
  await mcp.ok("write_file", { instance: "box", path: "project/a", content: "new\n" });
  const diff = await mcp.ok("sandbox_diff", { instance: "box" });
  expect(diff).toContain("box: 1 file changed");
  expect(diff).toContain("-old\n+new");
  expect(await mcp.call("sandbox_diff", { instance: "web" })).toMatchObject({
    failed: true,
    text: expect.stringContaining("it was not made as one"),
  });
  expect(await readFile(path.join(folder, "a"), "utf8")).toBe("old\n");
});

test("ports are forwarded and closed", async () => {
  const wanted = { instance: "web", guest_port: 80, host_port: 18_080 };
  expect((await mcp.call("forward_port", wanted)).text).toContain("connect to port 80 of web, by port 18080");
  expect(await mcp.ok("forward_port", { ...wanted, confirm: true })).toBe(
    "Port 80 of web is at 127.0.0.1:18080.",
  );
  expect(JSON.parse(await mcp.ok("list_instances"))[1].ports).toEqual(["127.0.0.1:18080 -> 80/tcp"]);
  await mcp.ok("close_port", { instance: "web", host_port: 18_080 });
  expect(JSON.parse(await mcp.ok("list_instances"))[1].ports).toEqual([]);
});

test("resources follow the engine", async () => {
  const { resources } = await mcp.client.listResources();
  expect(resources.map(({ uri }) => uri)).toEqual([
    "berth://instances",
    "berth://instances/box",
    "berth://instances/web",
  ]);
  const read = async (uri: string) => {
    const { contents } = await mcp.client.readResource({ uri });
    return JSON.parse((contents[0] as { text: string }).text);
  };
  expect(await read("berth://instances/web")).toMatchObject({ name: "web", state: "running" });
  await mcp.client.subscribeResource({ uri: "berth://instances/web" });
  mcp.notified.length = 0;
  await berth.ok(["stop", "web"]);
  await expect.poll(() => mcp.notified).toContain("berth://instances/web");
  expect(mcp.notified).not.toContain("list");
  expect(await read("berth://instances/web")).toMatchObject({ state: "stopped" });
  await berth.ok(["launch", "--name", "more"]);
  await expect.poll(() => mcp.notified).toContain("list");
  expect(await read("berth://instances")).toHaveLength(3);
  await berth.ok(["delete", "--purge", "more"]);
  await expect(read("berth://instances/more")).rejects.toThrow("no such instance");
  await berth.ok(["start", "web"]);
});

test("bound to one instance, nothing else is offered, and Lima's inputs fit", async () => {
  const bound = await McpClient.open(berth, { args: ["--instance", "web"] });
  try {
    const { tools } = await bound.client.listTools();
    const required = Object.fromEntries(tools.map((one) => [one.name, one.inputSchema.required]));
    expect(required).toMatchObject({
      list_directory: ["path"],
      read_file: ["path"],
      write_file: ["path", "content"],
      glob: ["pattern"],
      search_file_content: ["pattern"],
      run_shell_command: ["command", "directory"],
    });
    expect(Object.keys(required)).not.toContain("launch_instance");
    expect(await bound.call("list_instances")).toMatchObject({ failed: true });
    const ran = await bound.ok("run_shell_command", {
      command: ["sh", "-c", "pwd; exit 2"],
      directory: home,
    });
    expect(JSON.parse(ran)).toEqual({ stdout: `${home}\n`, stderr: "", exit_code: 2 });
    // An instance that is named all the same is not gone to.
    await bound.ok("write_file", { instance: "box", path: "where", content: "here" });
    expect(await readFile(path.join(home, "where"), "utf8")).toBe("here");
    const { resources } = await bound.client.listResources();
    expect(resources.map(({ name }) => name)).toEqual(["instances", "web"]);
  } finally {
    await bound.close();
  }
});

test("an engine that has gone is started anew for the next call", async () => {
  const pid = await berth.enginePid();
  if (pid === undefined) throw new Error("no engine runs");
  signalProcess(pid, "SIGKILL");
  await gone(pid);
  expect(JSON.parse(await mcp.ok("list_instances")).length).toBeGreaterThan(0);
  expect(await berth.enginePid()).not.toBe(pid);
});

test("the server leaves with its client", async () => {
  const short = await McpClient.open(berth);
  const { pid } = short.client.transport as unknown as { pid: number };
  await short.close();
  expect(() => process.kill(pid, 0)).toThrow();
});
