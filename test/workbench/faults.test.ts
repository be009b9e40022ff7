/**
 * What goes wrong while windows are open: the engine dies and returns, a guest ends under its shell, two windows, hostile
 * texts. The extension's own engine is the one over guests that are processes of this computer.
 */
import { copyFile, readdir } from "node:fs/promises";
import path from "node:path";
import type { FrameLocator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signalProcess } from "../../src/base/process-identity.ts";
import { gone } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { Workbench } from "../support/workbench.ts";

/** Turns the direction of what follows. */
const RTL = "\u202e";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let workbench: Workbench;

beforeAll(async () => {
  bundle = await bundleCli();
  const env = { BERTH_FAKE_TERMINALS: "real", SHELL: "/bin/sh", TERM: "xterm-256color" };
  workbench = await Workbench.start({ cli: bundle.cli, env });
  const extensions = path.join(workbench.home, "ext");
  for (const name of (await readdir(extensions)).filter((one) => one.startsWith("berth.")))
    await copyFile(
      path.join(path.dirname(bundle.cli), "engine.js"),
      path.join(extensions, name, "dist", "engine.js"),
    );
  await workbench.berth.ok(["launch", "24.04", "--name", "web"]);
  await workbench.berth.ok(["launch", "24.04", "--name", "db"]);
  await workbench.openView();
  await workbench.row("web").waitFor();
});
afterAll(async () => {
  await workbench?.close();
  await bundle?.dispose();
});

takeFailurePictures("faults", () => workbench);

const panel = (): FrameLocator =>
  workbench.page.frameLocator('iframe.webview[src*="extensionId=berth.berth"]').frameLocator("#active-frame");

const row = (page: Page, name: RegExp) => page.locator(".part.sidebar").getByRole("treeitem", { name });

async function openShell(): Promise<void> {
  await workbench.commandOn("Berth: Open Shell", "web");
  await workbench.page.locator(".terminal-wrapper.active").waitFor();
  await workbench.terminal("echo sum-$((40+2))", /sum-42/);
}

test("an engine that dies under a panel and a terminal comes back, and both say what became of them", async () => {
  await workbench.commandOn("Berth: Show Details", "web");
  await panel()
    .getByRole("img", { name: /^CPU: \d+ %/ })
    .waitFor();
  await openShell();
  const pid = await workbench.berth.enginePid();
  if (pid === undefined) throw new Error("no engine runs");
  signalProcess(pid, "SIGKILL");
  await gone(pid);
  await workbench.terminalShows(/engine/i);
  await workbench.screenshot("faults-engine-died");
  // The window starts another one by itself. These guests were its predecessor's, and ended with it.
  await expect.poll(() => workbench.berth.enginePid(), { timeout: 30_000 }).not.toBe(pid);
  await row(workbench.page, /^web\b.*stopped/i).waitFor();
  await panel().getByText("Stopped", { exact: true }).waitFor();
  await panel().getByRole("button", { name: "Start" }).click();
  await panel().getByText("Running", { exact: true }).waitFor();
  await panel()
    .getByRole("img", { name: /^CPU: \d+ %/ })
    .waitFor();
  await workbench.screenshot("faults-engine-back");
  await workbench.command("Terminal: Kill All Terminals");
  await workbench.command("View: Close All Editors");
});

test("a guest that is taken from under its shell is told in the terminal", async () => {
  await openShell();
  await workbench.berth.ok(["stop", "--force", "web"]);
  await workbench.terminalShows(/web.*(stopped|ended|no longer runs)|connection/i);
  await workbench.screenshot("faults-guest-gone");
  await workbench.berth.ok(["start", "web"]);
  await workbench.command("Terminal: Kill All Terminals");
});

test("ten megabytes and a terminal's commands in a guest's output leave the window as it is", async () => {
  await openShell();
  const title = await workbench.page.title();
  await workbench.terminal(
    "head -c 10000000 /dev/zero | tr '\\0' x | fold -w 200; echo; echo end-$((1+1))",
    /end-2/,
  );
  await workbench.terminal("printf '\\033]0;owned\\007\\033[2J\\033[31m'; echo still-$((1+1))", /still-2/);
  expect(await workbench.page.title()).toBe(title);
  await row(workbench.page, /^web\b/).waitFor();
  await workbench.command("Terminal: Kill All Terminals");
});

test("markup, escapes and turned text of a snapshot and of a failure are text", async () => {
  const { berth } = workbench;
  await berth.ok(["stop", "db"]);
  await berth.ok([
    "snapshot",
    "db",
    "--name",
    "s1",
    "--comment",
    `<img src=x onerror=alert(1)> ${RTL}exe.txt`,
  ]);
  const snapshot = row(workbench.page, /^snapshot s1/);
  await workbench.unfoldRow("db", snapshot);
  const told = `${await snapshot.textContent()}${await snapshot.getAttribute("aria-label")}`;
  expect(told).toContain("<img src=x onerror=alert(1)>");
  expect(told).not.toContain(RTL);
  const failed = await berth.run(["launch", "24.04", "--name", "hostile"]);
  expect(failed.code).not.toBe(0);
  const problem = row(workbench.page, /^hostile\b/);
  await problem.waitFor();
  expect([...((await problem.textContent()) ?? "")].filter((one) => one < " ")).toEqual([]);
  await workbench.screenshot("faults-hostile");
  await berth.run(["delete", "--purge", "hostile"]);
});

test("two windows show the same, and what one does is seen in the other", async () => {
  const second = await workbench.newPage({ viewport: { width: 1000, height: 700 } });
  await second.goto(workbench.page.url());
  await second.locator('.activitybar a.action-label[aria-label^="Berth"]').click({ force: true });
  await row(second, /^web\b.*running/i).waitFor({ timeout: 60_000 });
  const { berth } = workbench;
  await workbench.commandOn("Berth: Stop", "web");
  await row(second, /^web\b.*stopped/i).waitFor();
  await workbench.press(row(second, /^web\b/), "Start");
  await row(workbench.page, /^web\b.*running/i).waitFor();
  await berth.ok(["delete", "--purge", "web"]);
  for (const page of [workbench.page, second]) await row(page, /^web\b/).waitFor({ state: "detached" });
  await second.close();
});
