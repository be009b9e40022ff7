/**
 * What happens elsewhere while a window shows an instance: it is deleted, its guest answers nothing, the extension is
 * updated; and what a page is told that is no message. Guests are processes of this computer, on real terminals.
 */
import path from "node:path";
import type { FrameLocator } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../src/base/run.ts";
import { bundleCli } from "../support/cli-bundle.ts";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { listening, socket } from "../support/listening.ts";
import { Workbench } from "../support/workbench.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const NEXT_VERSION = "0.99.0";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let workbench: Workbench;

beforeAll(async () => {
  bundle = await bundleCli();
  const env = { BERTH_FAKE_TERMINALS: "real", SHELL: "/bin/sh", TERM: "xterm-256color" };
  workbench = await Workbench.start({ cli: bundle.cli, env });
  for (const name of ["web", "mute", "doomed"]) await workbench.berth.ok(["launch", "--name", name]);
  await workbench.openView();
  await workbench.row("web").waitFor();
});
afterAll(async () => {
  await workbench?.close();
  await bundle?.dispose();
});

takeFailurePictures("meanwhile", () => workbench);

/** The page of the panel that is seen. */
const panel = (): FrameLocator =>
  workbench.page
    .frameLocator('iframe.webview[src*="extensionId=berth.berth"]:visible')
    .frameLocator("#active-frame");

async function showDetails(name: string): Promise<void> {
  await workbench.commandOn("Berth: Show Details", name);
  await panel().getByRole("heading", { name }).waitFor();
}

async function openShell(name: string): Promise<void> {
  await workbench.commandOn("Berth: Open Shell", name);
  await workbench.page.locator(".terminal-wrapper.active").waitFor();
}

const figures = () => panel().getByRole("img", { name: /^CPU: \d+ %/ });

/** Says these to the page as anybody could; resolves when it has heard them. */
async function post(messages: readonly unknown[]): Promise<void> {
  const script = `() => new Promise((resolve) => {
    addEventListener("message", ({ data }) => data === "last" && resolve());
    for (const message of ${JSON.stringify([...messages, "last"])}) postMessage(message, "*");
  })`;
  await panel().locator("body").evaluate(script);
}

test("what is no message leaves a panel as it is", async () => {
  await showDetails("web");
  await figures().waitFor();
  await post([
    ...[null, 7, "gone", [], {}, { type: "gone" }, { type: "nonsense", name: "web" }],
    ...[{ type: "state" }, { type: "state", state: { name: "other", actions: 1 } }],
    ...[{ type: "metrics" }, { type: "setup", status: 1 }, { type: "log", source: "none", text: "x" }],
  ]);
  await panel().getByRole("heading", { name: "web" }).waitFor();
  await figures().waitFor();
  expect(await panel().getByText("is no more").count()).toBe(0);
  await panel().getByRole("button", { name: "Open Serial Console" }).click();
  await workbench.terminalShows(/web login:/);
  await workbench.command("Terminal: Kill All Terminals");
});

test("a guest that answers nothing holds up no view and no other instance", async () => {
  await listening(workbench.berth, "web", socket(18_080, "node"));
  await workbench.unfold("Ports");
  const row = (name: RegExp) => workbench.page.locator(".part.sidebar").getByRole("treeitem", { name });
  await row(/^port 18080 of web, node/).waitFor();
  await showDetails("mute");
  await panel().getByText("Running", { exact: true }).waitFor();
  await openShell("mute");
  await openShell("web");
  await workbench.terminal("echo sum-$((40+2))", /sum-42/);
  await showDetails("web");
  await figures().waitFor();
  await showDetails("mute");
  await workbench.screenshot("meanwhile-mute");
  await panel().getByRole("button", { name: "Stop" }).click();
  await panel().getByText("Stopped", { exact: true }).waitFor();
  await workbench.unfold("Ports", false);
  await workbench.command("View: Close All Editors");
  await workbench.command("Terminal: Kill All Terminals");
});

test("an instance that is deleted elsewhere is said to be gone where it is shown, and nothing else changes", async () => {
  await showDetails("doomed");
  await figures().waitFor();
  await openShell("doomed");
  await workbench.terminal("echo sum-$((40+2))", /sum-42/);
  await workbench.berth.ok(["delete", "--purge", "doomed"]);
  await panel().getByText("doomed is no more.").waitFor();
  await workbench.row("doomed").waitFor({ state: "detached" });
  await workbench.terminalShows(/The connection to doomed was lost\./);
  await workbench.terminal("", /instance "doomed" does not exist/i);
  await workbench.screenshot("meanwhile-deleted");
  await workbench.command("Terminal: Kill All Terminals");
  await workbench.command("View: Close All Editors");
  await openShell("web");
  await workbench.terminal("echo sum-$((40+2))", /sum-42/);
});

/** The next version of Berth, which is this one. */
async function nextVersion(): Promise<string> {
  const file = path.join(ROOT, "test-results", "berth-next.vsix");
  const vsce = path.join(ROOT, "node_modules/@vscode/vsce/vsce");
  const version = [NEXT_VERSION, "--no-git-tag-version", "--no-update-package-json"];
  const flags = ["--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links"];
  await run([process.execPath, vsce, "package", ...version, ...flags, "--out", file], { cwd: ROOT });
  return file;
}

test("an update of the extension leaves guests, their shells and the engine as they are", async () => {
  await showDetails("web");
  await workbench.terminal("word=kept; echo sum-$((40+3))", /sum-43/);
  const engine = await workbench.berth.enginePid();
  await workbench.install(await nextVersion());
  await figures().waitFor(); // The window goes on with what it has.
  await workbench.command("Developer: Reload Window");
  await workbench.terminalShows(/sum-43/);
  await workbench.terminal("echo $word-$((3+4))", /kept-7/);
  await panel().getByRole("heading", { name: "web" }).waitFor({ timeout: 60_000 });
  await figures().waitFor();
  expect(await workbench.berth.enginePid()).toBe(engine);
  await workbench.command("Developer: Show Running Extensions");
  const rows = workbench.page.locator(".runtime-extensions-editor .extension");
  await rows.filter({ hasText: NEXT_VERSION }).filter({ hasText: "Berth" }).waitFor();
  await workbench.screenshot("meanwhile-updated");
});
