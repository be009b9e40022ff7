import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { identify, isAlive, sameProcess, signalProcess } from "../../../src/base/process-identity.ts";
import { childEnvironment, RunError, run, startDetached, which } from "../../../src/base/run.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-run-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const node = (code: string) => [process.execPath, "-e", code];

test("run gives both outputs and the input reaches the child", async () => {
  const result = await run(node("process.stdin.pipe(process.stdout); console.error('side')"), {
    input: "hello",
  });
  expect(result).toEqual({ stdout: "hello", stderr: "side\n" });
});

test("arguments reach the program unchanged, no shell in between", async () => {
  const argument = "$(id) `x` \"q\" 'r' \\ * ; \n";
  const { stdout } = await run([process.execPath, "-e", "process.stdout.write(process.argv[1])", argument]);
  expect(stdout).toBe(argument);
});

test("a failure carries exit code and the last words", async () => {
  const failure = run(node("console.error('first'); console.error('no space'); process.exit(3)"));
  await expect(failure).rejects.toBeInstanceOf(RunError);
  await expect(failure).rejects.toMatchObject({ exitCode: 3, message: expect.stringContaining("no space") });
});

test("a program that is not there is a missing dependency", async () => {
  await expect(run(["berth-no-such-program"])).rejects.toMatchObject({ code: "missing-dependency" });
  expect(await which("berth-no-such-program")).toBeUndefined();
  expect(await which("node")).toContain("node");
});

test("aborting ends the child", async () => {
  const controller = new AbortController();
  const running = run(node("process.stdout.write('x'); setInterval(() => {}, 1000)"), {
    signal: controller.signal,
  });
  controller.abort();
  await expect(running).rejects.toMatchObject({ name: "AbortError" });
});

test("an endless output keeps its end only", async () => {
  const { stdout } = await run(node("for (let i = 0; i < 50000; i++) console.log('line ' + i)"), {
    maxOutputBytes: 1000,
  });
  expect(stdout.length).toBe(1000);
  expect(stdout.trim().endsWith("line 49999")).toBe(true);
});

test("a detached child has a session of its own, logs to its file, and is identified by more than its pid", async () => {
  const logFile = path.join(directory, "child.log");
  const child = await startDetached(node("console.log('up'); setInterval(() => {}, 1000)"), { logFile });
  const identity = await identify(child.pid);
  expect(sameProcess(identity, await identify(child.pid))).toBe(true);
  expect(sameProcess(identity, identity && { ...identity, startTime: "0" })).toBe(false);
  expect(isAlive(child.pid)).toBe(true);
  signalProcess(child.pid, "SIGKILL");
  expect(await child.exited).toEqual({ code: null, signal: "SIGKILL" });
  expect(await identify(child.pid)).toBeUndefined();
  signalProcess(child.pid, "SIGKILL"); // No effect on a process that is gone.
  expect(await readFile(logFile, "utf8")).toMatch(/^(up\n)?$/);
});

test("an editor's variables do not leak into children", () => {
  const env = childEnvironment(
    { EXTRA: "1" },
    {
      PATH: "/bin",
      ELECTRON_RUN_AS_NODE: "1",
      VSCODE_PID: "1",
      SNAP_NAME: "code",
      NODE_OPTIONS: "--x",
      HOME: "/h",
    },
  );
  expect(env).toEqual({ PATH: "/bin", HOME: "/h", EXTRA: "1" });
});

test("a program is a file on an absolute PATH entry, whatever lies in the current directory", async () => {
  const root = await mkdtemp(path.join(tmpdir(), "berth-which-"));
  try {
    await mkdir(path.join(root, "first", "tool"), { recursive: true });
    await mkdir(path.join(root, "second"));
    await writeFile(path.join(root, "second", "tool"), "", { mode: 0o755 });
    const entries = ["", ".", path.relative(process.cwd(), path.join(root, "second"))];
    expect(await which("tool", { PATH: entries.join(path.delimiter) })).toBeUndefined();
    const folders = ["first", "second"].map((name) => path.join(root, name));
    expect(await which("tool", { PATH: folders.join(path.delimiter) })).toBe(
      path.join(root, "second", "tool"),
    );
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
