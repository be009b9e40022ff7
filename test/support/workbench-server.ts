/** The server of a real VS Code workbench (code-server), with directories of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Berth } from "./berth.ts";
import { freePort } from "./free-port.ts";

const READY_MS = 60_000;

export type Theme = "Default Dark Modern" | "Default Light Modern";

export type ServerOptions = {
  theme?: Theme;
  /** Text files that its folder has from the beginning, by name. */
  files?: Readonly<Record<string, string>>;
  /** Whether the folder has to be trusted first, and nobody is asked. */
  untrusted?: boolean;
};

/** How it is run. */
type Launch = { node: string; words: readonly string[]; env: NodeJS.ProcessEnv };

export class WorkbenchServer {
  /** HOME of the workbench and all that it runs. */
  readonly home: string;
  readonly #child: ChildProcess;
  readonly #launch: Launch;
  readonly #port: number;

  private constructor(home: string, child: ChildProcess, launch: Launch, port: number) {
    this.home = home;
    this.#child = child;
    this.#launch = launch;
    this.#port = port;
  }

  /** With these VSIX files; `berth` is what its shells and extensions find. */
  static async start(
    berth: Berth,
    vsix: readonly string[],
    options: ServerOptions,
  ): Promise<WorkbenchServer> {
    const node = process.env["BERTH_WORKBENCH_NODE"];
    const entry = process.env["BERTH_WORKBENCH_ENTRY"];
    if (!node || !entry)
      throw new Error("run it through `npm run test:workbench`, which installs the workbench");
    const home = await mkdtemp(path.join(tmpdir(), "berth-workbench-"));
    await mkdir(folderIn(home));
    for (const [name, text] of Object.entries(options.files ?? {}))
      await writeFile(path.join(folderIn(home), name), text);
    await writeSettings(home, options.theme ?? "Default Dark Modern");
    const words = [
      ...[entry, "--config", path.join(home, "config.yaml")],
      ...["--user-data-dir", home, "--extensions-dir", path.join(home, "ext")],
    ];
    const launch = { node, words, env: environment(home, berth) };
    for (const file of vsix) await installed(launch, file);
    const port = await freePort();
    const flags = [
      ...["--auth", "none", "--bind-addr", `127.0.0.1:${port}`, "--disable-telemetry", "--disable-proxy"],
      ...["--disable-update-check", "--disable-getting-started-override"],
      ...(options.untrusted ? [] : ["--disable-workspace-trust"]),
    ];
    const child = spawn(node, [...words, ...flags], { env: launch.env, stdio: "ignore", detached: true });
    return new WorkbenchServer(home, child, launch, port);
  }

  /** The folder that is open in it. */
  get folder(): string {
    return folderIn(this.home);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/?folder=${encodeURIComponent(this.folder)}`;
  }

  /** The process in whose tree the extension hosts are. */
  get pid(): number {
    return this.#child.pid ?? Number.NaN;
  }

  /** It tells nobody when it listens, so it is asked until it answers. */
  async ready(): Promise<void> {
    for (const until = Date.now() + READY_MS; Date.now() < until; await delay(100)) {
      if (this.#child.exitCode !== null)
        throw new Error(`the workbench's server ended with ${this.#child.exitCode}`);
      const answer = await fetch(`http://127.0.0.1:${this.#port}/healthz`).catch(() => undefined);
      if (answer?.ok) return;
    }
    throw new Error("the workbench's server did not answer");
  }

  /** Installs a VSIX file, or the Berth of another one in the place of this. */
  install(file: string): Promise<void> {
    return installed(this.#launch, file);
  }

  /** Ends it; `removeHome` comes after whatever else has files in there has ended. */
  async stop(): Promise<void> {
    const { pid } = this.#child;
    if (pid === undefined || this.#child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    process.kill(-pid, "SIGKILL");
    await gone;
  }

  removeHome(): Promise<void> {
    return rm(this.home, { recursive: true, force: true, maxRetries: 10 });
  }
}

function folderIn(home: string): string {
  return path.join(home, "project");
}

export async function writeSettings(home: string, theme: Theme): Promise<void> {
  await mkdir(path.join(home, "User"), { recursive: true });
  const values = {
    "workbench.colorTheme": theme,
    // Otherwise a terminal's text is pixels, not elements.
    "terminal.integrated.gpuAcceleration": "off",
    "workbench.startupEditor": "none",
    "chat.disableAIFeatures": true,
    "extensions.autoUpdate": false,
    "window.commandCenter": false,
    "security.workspace.trust.startupPrompt": "never",
    "workbench.layoutControl.enabled": false,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
  };
  await writeFile(path.join(home, "User", "settings.json"), JSON.stringify(values));
  await writeFile(path.join(home, "config.yaml"), "auth: none\n");
}

function environment(home: string, berth: Berth): NodeJS.ProcessEnv {
  const own = Object.entries(berth.env).filter(
    ([name]) => !name.startsWith("VSCODE_") && name !== "NODE_OPTIONS",
  );
  return {
    ...Object.fromEntries(own),
    HOME: home,
    EXTENSIONS_GALLERY: '{"serviceUrl":"","itemUrl":"","resourceUrlTemplate":""}',
  };
}

function installed({ node, words, env }: Launch, file: string): Promise<void> {
  const child = spawn(node, [...words, "--install-extension", file, "--force"], { env, stdio: "ignore" });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`the VSIX was not installed (${code})`)),
    );
  });
}
