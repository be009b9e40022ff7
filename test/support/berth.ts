/** The built `berth` command with directories of its own, as a user has it. */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { withoutControls } from "../../src/base/plain-text.ts";
import { identify, isAlive, signalProcess } from "../../src/base/process-identity.ts";
import { run } from "../../src/base/run.ts";

const CLI = path.resolve(import.meta.dirname, "../../dist/cli.js");

type RunOptions = { input?: string | Buffer; timeoutMs?: number; cwd?: string };

export type Ran = { code: number | null; stdout: string; stderr: string };

export class Berth {
  readonly home: string;
  readonly #cli: string;
  readonly #env: Record<string, string>;

  private constructor(home: string, env: Record<string, string>, cli: string) {
    this.home = home;
    this.#cli = cli;
    this.#env = { ...env, BERTH_HOME: home, HOME: home, NO_COLOR: "1" };
  }

  /** `cli` is the bundle to run; the shipped one when left out. */
  static async make(env: Record<string, string> = {}, cli = CLI): Promise<Berth> {
    return new Berth(await mkdtemp(path.join(tmpdir(), "berth-cli-")), env, cli);
  }

  /** The same home, with more in the environment. */
  as(env: Record<string, string>): Berth {
    return new Berth(this.home, { ...this.#env, ...env }, this.#cli);
  }

  get env(): Record<string, string> {
    return { ...(process.env as Record<string, string>), ...this.#env };
  }

  get argv(): string[] {
    return [process.execPath, this.#cli];
  }

  /** Runs `berth` with these words; resolves however it ends. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [this.#cli, ...args], {
        env: this.env,
        timeout: options.timeoutMs ?? 300_000,
        cwd: options.cwd,
      });
      let stdout = "";
      let stderr = "";
      child.stdout.on("data", (chunk: Buffer) => {
        stdout += chunk.toString("utf8");
      });
      child.stderr.on("data", (chunk: Buffer) => {
        stderr += chunk.toString("utf8");
      });
      child.stdin.on("error", () => {});
      child.stdin.end(options.input ?? "");
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, stdout, stderr }));
    });
  }

  /** Runs it and expects success. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    if (code === 0) return stdout;
    // A guest that was waited for in vain says on its serial port what it was busy with; its files end with the test.
    const words = /took longer|timed out/.test(stderr) || code === null ? await this.#lastWords() : "";
    throw new Error(`berth ${args.join(" ")} exited with ${code}: ${stderr}${stdout}${words}`);
  }

  async #lastWords(): Promise<string> {
    const folder = await this.#instances();
    const logs = (await readdir(folder).catch(() => [])).map((id) => path.join(folder, id, "serial.log"));
    const texts = await Promise.all(logs.map((file) => readFile(file, "utf8").catch(() => "")));
    return texts.map((text, at) => `\n--- ${logs[at]}\n${withoutControls(text.slice(-3000))}`).join("");
  }

  async json(args: readonly string[]): Promise<unknown> {
    return JSON.parse(await this.ok([...args, "--format", "json"]));
  }

  /** The engine's pid; undefined when none runs. */
  async enginePid(): Promise<number | undefined> {
    const text = await readFile(path.join(this.home, "data", "run", "engine.json"), "utf8").catch(
      () => undefined,
    );
    const pid = text === undefined ? undefined : (JSON.parse(text) as { pid: number }).pid;
    return pid !== undefined && isAlive(pid) ? pid : undefined;
  }

  /** The pids of the QEMUs of this home's instances, by instance directory. */
  async qemuPids(): Promise<number[]> {
    const folder = await this.#instances();
    const pids: number[] = [];
    for (const name of await readdir(folder).catch(() => [] as string[])) {
      const text = await readFile(path.join(folder, name, "run.json"), "utf8").catch(() => undefined);
      const pid =
        text === undefined ? undefined : (JSON.parse(text) as { process: { pid: number } }).process.pid;
      // A process that has ended but is not yet waited for has a pid, and no identity.
      if (pid !== undefined && (await identify(pid))) pids.push(pid);
    }
    return pids;
  }

  async #instances(): Promise<string> {
    const text = await readFile(path.join(this.home, "data", "storage.json"), "utf8").catch(() => "{}");
    const { instances } = JSON.parse(text) as { instances?: string };
    return path.join(instances ?? path.join(this.home, "data"), "instances");
  }

  /** Ends the engine and every guest of this home, then removes it. */
  async dispose(): Promise<void> {
    const pids = [await this.enginePid(), ...(await this.qemuPids())].filter((pid) => pid !== undefined);
    for (const pid of pids) signalProcess(pid, "SIGKILL");
    for (const pid of pids) await gone(pid);
    await rm(this.home, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Resolves when the process has ended; `tail --pid` waits for any process without being its parent. */
export async function gone(pid: number): Promise<void> {
  await run(["tail", `--pid=${pid}`, "-f", "/dev/null"]);
}
