/**
 * Tasks and terminals in a real workbench. The engine is the real one over guests that are processes of this computer, on
 * real terminals.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { identify } from "../../src/base/process-identity.ts";
import { run } from "../../src/base/run.ts";
import { connect } from "../../src/client/connect.ts";
import { gone } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { Workbench } from "../support/workbench.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let workbench: Workbench;

const READS = { env: { BERTH_FAKE_TERMINALS: "real", SHELL: "/bin/sh", TERM: "xterm-256color" } };

beforeAll(async () => {
  bundle = await bundleCli();
  workbench = await Workbench.start({ cli: bundle.cli, ...READS });
  await workbench.berth.ok(["launch", "24.04", "--name", "web"]);
  await writeFile(path.join(workbench.folder, "a.c"), "int main() {\n  return nothing;\n}\n");
  await mkdir(path.join(workbench.folder, ".vscode"));
  await writeFile(path.join(workbench.folder, ".vscode", "tasks.json"), JSON.stringify(tasks()));
  await workbench.page.reload(); // So that it knows the tasks.
  await workbench.openView();
  await workbench.row("web").waitFor();
});
afterAll(async () => {
  await workbench?.close();
  await bundle?.dispose();
});

takeFailurePictures("terminals", () => workbench);

/** Guests see this computer's files, so the folder is where it is here. */
function tasks() {
  const problemMatcher = {
    owner: "cc",
    fileLocation: ["relative", "$" + "{workspaceFolder}"],
    pattern: {
      regexp: "^(.*):(\\d+):(\\d+): (error): (.*)$",
      file: 1,
      line: 2,
      column: 3,
      severity: 4,
      message: 5,
    },
  };
  const script = 'echo "$(basename "$PWD") $WORD"; echo "a.c:2:10: error: nothing is not declared"; exit 3';
  const cwd = "$" + "{workspaceFolder}";
  return {
    version: "2.0.0",
    tasks: [
      {
        label: "fails",
        type: "berth",
        instance: "web",
        shell: script,
        cwd,
        env: { WORD: "said" },
        problemMatcher,
      },
      {
        ...{ label: "goes on", type: "berth", instance: "web", problemMatcher: [] },
        shell: 'echo "pid-$$-"; exec sleep 1000',
      },
    ],
  };
}

const { page, command, pick } = {
  page: () => workbench.page,
  command: (title: string) => workbench.command(title),
  pick: (label: string) => workbench.pick(label),
};

test("a task runs in the guest, fails with its exit code, and its errors are problems", async () => {
  await command("Tasks: Run Task");
  await pick("fails");
  await workbench.terminalShows(/project said/);
  await workbench.terminalShows(/exit code: 3/);
  await workbench.screenshot("task-failed");
  await command("Problems: Focus on Problems View");
  const problems = page().locator(".markers-panel .monaco-list-row");
  await problems.filter({ hasText: "nothing is not declared" }).waitFor();
  await problems.filter({ hasText: "a.c" }).first().waitFor();
  await workbench.screenshot("task-problems");
});

test("Terminate Task ends the task's process in the guest", async () => {
  await command("Tasks: Run Task");
  await pick("goes on");
  await workbench.terminalShows(/pid-\d+-/);
  const shown = await page().locator(".terminal-wrapper.active .xterm-rows").textContent();
  const pid = Number(/pid-(\d+)-/.exec(shown ?? "")?.[1]);
  expect(await identify(pid)).toBeDefined();
  await command("Tasks: Terminate Task");
  await pick("goes on");
  await gone(pid);
  await workbench.screenshot("task-terminated");
});

/** The process that the extension runs in: it has the workbench's HOME. */
async function extensionHost(): Promise<number> {
  const { stdout } = await run(["ps", "-eo", "pid,args"]);
  const hosts = stdout.split("\n").filter((line) => line.includes("--type=extensionHost"));
  for (const pid of hosts.map((line) => Number.parseInt(line, 10))) {
    const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (environment.split("\0").includes(`HOME=${workbench.home}`)) return pid;
  }
  throw new Error("the workbench has no extension host");
}

/** Whether each kept shell is shown somewhere. */
async function shells(): Promise<boolean[]> {
  const client = await connect({ env: workbench.berth.env });
  try {
    return (await client.api.sessions.list({ name: "web" })).items.map(({ attached }) => attached);
  } finally {
    client.dispose();
  }
}

test("a reload of the window brings a shell's terminal back, with what it has shown", async () => {
  await command("Terminal: Kill All Terminals");
  await command("Berth: Open Shell");
  await pick("web");
  await workbench.terminal("word=kept; echo sum-$((40+2))", /sum-42/);
  await workbench.terminal("sleep 1; echo late-$((1+1)) &", /\$/);
  await workbench.screenshot("terminal-before-reload");
  await page().reload();
  await workbench.terminalShows(/sum-42/);
  await workbench.terminalShows(/late-2/);
  await workbench.terminal("echo $word-$((3+4))", /kept-7/);
  await workbench.screenshot("terminal-after-reload");
  expect(await shells()).toEqual([true]);
});

test("and so does a restart of the extension host", async () => {
  process.kill(await extensionHost(), "SIGKILL");
  const active = page().locator(".terminal-wrapper.active");
  // What is typed before it has come back is lost.
  const shown = async () => {
    await active.locator("textarea.xterm-helper-textarea").focus();
    await page().keyboard.type("echo $word-$((5+4))\n");
    return active.locator(".xterm-rows").textContent();
  };
  await expect.poll(shown, { timeout: 60_000, interval: 1_000 }).toMatch(/kept-9/);
  await workbench.screenshot("terminal-after-restart");
});

test("a terminal that is closed by hand ends its shell", async () => {
  await command("Terminal: Kill the Active Terminal Instance");
  await expect.poll(shells, { timeout: 20_000 }).toEqual([]);
  await page().reload();
  await workbench.openView();
  await workbench.row("web").waitFor();
  expect(await shells()).toEqual([]);
});
