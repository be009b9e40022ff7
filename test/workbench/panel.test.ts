/** An instance's panel in a real workbench, over an engine whose guests are processes of this computer. */
import type { FrameLocator } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { startLocalEngine } from "../support/local-engine.ts";
import { recordFigure, Workbench } from "../support/workbench.ts";

let workbench: Workbench;
let engine: Awaited<ReturnType<typeof startLocalEngine>>;

beforeAll(async () => {
  workbench = await Workbench.start();
  engine = await startLocalEngine(workbench.berth);
  await workbench.berth.ok(["launch", "--name", "web"]);
  await workbench.berth.ok(["stop", "web"]);
  await workbench.berth.ok(["snapshot", "web", "--name", "clean", "--comment", "<b>before</b> the upgrade"]);
  await workbench.berth.ok(["snapshot", "web", "--name", "upgraded"]);
  await workbench.openView();
});
afterAll(async () => {
  await workbench?.close();
  await engine?.stop();
});

takeFailurePictures("panel", () => workbench);

const page = (): FrameLocator =>
  workbench.page.frameLocator('iframe.webview[src*="extensionId=berth.berth"]').frameLocator("#active-frame");
const tab = (name: string) => page().getByRole("tab", { name });

test("it opens on a stopped instance, and says so", async () => {
  const begin = performance.now();
  await workbench.commandOn("Berth: Show Details", "web");
  await page().getByRole("heading", { name: "web" }).waitFor();
  await recordFigure("panelMs", Math.round(performance.now() - begin));
  await page().getByText("Stopped", { exact: true }).waitFor();
  await page().getByText("Figures are shown while it runs.").waitFor();
  await workbench.screenshot("panel-stopped");
});

test("sizes are changed, and what cannot be is refused in words", async () => {
  await tab("Resources").click();
  await page().getByLabel("CPUs").fill("0");
  await page().getByRole("button", { name: "Save" }).click();
  await workbench.notification(/not a number of CPUs/).waitFor();
  await page().getByLabel("CPUs").fill("2");
  await page().getByLabel("Memory").fill("2G");
  await workbench.screenshot("panel-resources");
  await page().getByRole("button", { name: "Save" }).click();
  await page().getByText("2 cpus · 2 GiB memory").waitFor();
  const { info } = (await workbench.berth.json(["info", "web"])) as {
    info: Record<string, { berth: unknown }>;
  };
  expect(JSON.stringify(info["web"])).toContain("2147483648");
});

test("snapshots stand in a row of time; two are compared; a guest's markup is text", async () => {
  await tab("Timeline").click();
  const rows = page().getByRole("tabpanel", { name: "Timeline" }).getByRole("listitem");
  await expect.poll(() => rows.count()).toBe(2);
  await page().getByText("<b>before</b> the upgrade").waitFor();
  await page().getByLabel("Compare clean").check();
  await page().getByLabel("Compare upgraded").check();
  await page()
    .getByRole("row", { name: /Parent clean none/ })
    .waitFor();
  await workbench.screenshot("panel-timeline");
});

test("one click rolls back to a moment; another one undoes that", async () => {
  await page().getByRole("button", { name: "Roll Back clean" }).click();
  await workbench.notification("web is what it was at clean").waitFor();
  await page().getByRole("button", { name: "Undo before-restore-1" }).click();
  await workbench.notification("web is what it was at before-restore-1").waitFor();
  await page().getByRole("button", { name: "Undo before-restore-2" }).waitFor();
  await workbench.screenshot("panel-undo");
});

test("a running guest's figures are drawn, and cost nothing while nobody looks", async () => {
  await tab("Overview").click();
  await page().getByRole("button", { name: "Start" }).click();
  await page().getByText("Running", { exact: true }).waitFor();
  await page()
    .getByRole("img", { name: /^Memory: .* of / })
    .waitFor();
  await page()
    .getByRole("img", { name: /^CPU: \d+ %/ })
    .waitFor();
  expect(await page().locator(".plot canvas").count()).toBe(4);
  await workbench.screenshot("panel-running");
  await workbench.command("File: New Untitled Text File");
  await expect.poll(metricsProcesses, { timeout: 20_000 }).toBe(0);
  await workbench.command("View: Close Editor");
  await expect.poll(metricsProcesses, { timeout: 20_000 }).toBe(1);
});

/** The scripts that tell figures: children of the engine, which stands for their guest. */
async function metricsProcesses(): Promise<number> {
  const { readdir, readFile } = await import("node:fs/promises");
  const engine = String(await workbench.berth.enginePid());
  const texts = await Promise.all(
    (await readdir("/proc"))
      .filter((name) => /^\d+$/.test(name))
      .map(async (pid) => ({
        stat: await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""),
        line: await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""),
      })),
  );
  return texts.filter(
    ({ stat, line }) => stat.split(") ")[1]?.split(" ")[1] === engine && line.includes("/proc/stat"),
  ).length;
}

test("the keyboard goes through the tabs; events and logs are there", async () => {
  await tab("Overview").focus();
  await workbench.page.keyboard.press("End");
  await page().getByRole("tabpanel", { name: "Events" }).getByText("Taking a snapshot upgraded").waitFor();
  await workbench.screenshot("panel-events");
  await workbench.page.keyboard.press("ArrowLeft");
  await page().getByRole("tabpanel", { name: "Serial Log" }).waitFor();
  await tab("Sharing").click();
  await page().getByText("its own, with other instances").waitFor();
  await workbench.screenshot("panel-shared");
});

test("after the window was reloaded it is there again, on the same tab", async () => {
  await workbench.command("Developer: Reload Window"); // A reload of the page itself would not let it save its state.
  await page().getByRole("heading", { name: "web" }).waitFor({ timeout: 60_000 });
  await page().getByRole("tabpanel", { name: "Sharing" }).waitFor();
});

test("the serial console stays when its guest stops, and comes back with it", async () => {
  await workbench.berth.ok(["start", "web"]);
  await workbench.commandOn("Berth: Open Serial Console", "web");
  await workbench.page.locator(".terminal-wrapper.active").waitFor();
  await workbench.terminalShows(/This is the serial console of web[\s\S]*Booting web[\s\S]*web login:/);
  await workbench.terminal("root", /login: root[\s\S]*web login:/);
  await workbench.screenshot("serial-console");
  await workbench.berth.ok(["restart", "web"]);
  await workbench.terminalShows(/web is restarting\.[\s\S]*Booting web/);
  await workbench.berth.ok(["stop", "web"]);
  await workbench.terminalShows(/web has stopped\./);
  await workbench.berth.ok(["start", "web"]);
  await workbench.terminalShows(/web has stopped\.[\s\S]*Booting web/);
  // There is one for each instance.
  await page().getByRole("button", { name: "Open Serial Console" }).click();
  await workbench.terminal("root", /Booting web[\s\S]*login: root/);
  expect(await workbench.page.locator(".terminal-wrapper").count()).toBe(1);
  await workbench.command("Terminal: Kill All Terminals");
});

test("an instance that is no more is said to be so", async () => {
  await workbench.berth.ok(["delete", "--purge", "web"]);
  await page().getByText("web is no more.").waitFor();
});
