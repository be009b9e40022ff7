/**
 * Tasks and terminals in a real workbench. The engine is the real one over guests that are processes of this computer, on
 * real terminals.
 */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { bundleCli } from "../support/cli-bundle.ts";
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

beforeEach(({ onTestFailed }) => {
  onTestFailed(async ({ task }) => {
    await workbench?.screenshot(`terminals-failed-${task.name.replaceAll(/\W+/g, "-").slice(0, 40)}`);
  });
});

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
        label: "waits",
        type: "berth",
        instance: "web",
        command: "sleep",
        args: ["1000"],
        problemMatcher: [],
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
