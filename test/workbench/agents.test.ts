/**
 * Agents' tools in a real extension host, and a sandbox from the palette. The engine is the real one over guests that are
 * directories of this computer, which is enough here: test/vm/sandbox.test.ts tells the same story on a real guest.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { run } from "../../src/base/run.ts";
import { bundleCli } from "../support/cli-bundle.ts";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { Workbench } from "../support/workbench.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
let bundle: Awaited<ReturnType<typeof bundleCli>>;
let workbench: Workbench;
let scratch: string;
let calls: string;

beforeAll(async () => {
  scratch = path.join(tmpdir(), `berth-probe-${process.pid}`);
  await mkdir(scratch, { recursive: true });
  calls = path.join(scratch, "call.json");
  const probe = path.join(scratch, "probe.vsix");
  const flags = ["--no-dependencies", "--allow-missing-repository", "--skip-license", "--out", probe];
  const vsce = path.join(ROOT, "node_modules/@vscode/vsce/vsce");
  await run([process.execPath, vsce, "package", ...flags], { cwd: path.join(import.meta.dirname, "probe") });
  bundle = await bundleCli();
  workbench = await Workbench.start({ env: { PROBE_FILE: calls }, extensions: [probe] });
  // The extension joins the engine that runs.
  await berth("list");
  await workbench.openView().catch(async (error: unknown) => {
    await workbench.screenshot("agents-failed");
    throw error;
  });
});
afterAll(async () => {
  await workbench?.close();
  await bundle?.dispose();
  await rm(scratch, { recursive: true, force: true });
});

takeFailurePictures("agents", () => workbench);
beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => void (await workbench?.screenshot("agents-failed")));
});

async function berth(...args: string[]): Promise<string> {
  const { env } = workbench.berth;
  return (await run([process.execPath, bundle.cli, ...args], { env })).stdout;
}

/** Calls a tool; `during` does what a person does meanwhile. */
async function call(
  name: string,
  input: object,
  during?: () => Promise<void>,
): Promise<Record<string, unknown>> {
  await rm(`${calls}.out`, { force: true });
  await writeFile(calls, JSON.stringify({ name, input }));
  await workbench.command("Probe: Run");
  await during?.();
  const read = () => readFile(`${calls}.out`, "utf8").catch(() => "");
  await expect.poll(read, { timeout: 60_000 }).not.toBe("");
  return JSON.parse(await read());
}

const dialog = () => workbench.page.locator(".monaco-dialog-box");

test("every tool of the manifest is registered, and one that reads runs without a question", async () => {
  const manifest = JSON.parse(await readFile(path.join(ROOT, "package.json"), "utf8"));
  const { tools } = await call("", {});
  for (const { name } of manifest.contributes.languageModelTools) expect(tools).toContain(name);
  expect(await call("berth_list_instances", {})).toEqual({ text: "There are no instances." });
});

test("what a tool would do is asked in words, and is done or not as they are answered", async () => {
  const launched = await call("berth_launch_instance", { instance: "web" }, async () => {
    await dialog().getByText("It will reach nothing beyond itself.").waitFor();
    await workbench.screenshot("agent-question");
    await workbench.answer("Yes");
  });
  expect(launched).toEqual({ text: "Launched: web" });
  await workbench.row("web").waitFor();

  const refused = await call("berth_delete_instance", { instance: "web", purge: true }, async () => {
    await dialog().getByText("Remove web for good, with its disks and snapshots?").waitFor();
    await workbench.page.keyboard.press("Escape");
  });
  expect(refused).toHaveProperty("error");
  expect(await berth("list")).toMatch(/web +Running/);
});

test("a failure is words for the model", async () => {
  const { error } = await call("berth_instance_info", { instance: "none" });
  expect(error).toContain('instance "none" does not exist');
  expect(error).toContain("(not-found)");
});

test("a sandbox of the folder: made, changed, reviewed, accepted, discarded", async () => {
  const folder = workbench.folder;
  await writeFile(path.join(folder, "greeting.txt"), "hello\nworld\n");
  await workbench.command("Berth: New Sandbox from This Folder");
  await workbench.notification(/is a sandbox/).waitFor({ timeout: 60_000 });
  const guests = path.join(workbench.berth.home, "guests");
  const [name = ""] = (await readdir(guests)).filter((one) => one !== "web");
  const inside = path.join(guests, name, path.basename(folder));
  expect(await readFile(path.join(inside, "greeting.txt"), "utf8")).toBe("hello\nworld\n");
  await writeFile(path.join(inside, "greeting.txt"), "hello\nBerth\n");
  await writeFile(path.join(inside, "added.txt"), "<b>new</b>\n");

  await workbench.command("Berth: Review Changes of a Sandbox…");
  await workbench.page
    .locator(".multi-diff-root-floating-menu, .multiDiffEntry, .multi-diff-editor")
    .first()
    .waitFor();
  await workbench.page.getByText("Berth", { exact: true }).first().waitFor();
  await workbench.notification(/Make these changes in/).waitFor();
  await workbench.screenshot("sandbox-review");

  await workbench.command("Berth: Accept Changes of a Sandbox…");
  await dialog().getByText("1 file added, 1 changed").waitFor();
  await workbench.screenshot("sandbox-accept");
  await workbench.answer("Accept");
  await workbench.notification(/Accepted from/).waitFor();
  expect(await readFile(path.join(folder, "greeting.txt"), "utf8")).toBe("hello\nBerth\n");
  expect(await readFile(path.join(folder, "added.txt"), "utf8")).toBe("<b>new</b>\n");

  await workbench.command("Berth: Discard a Sandbox…");
  await workbench.answer("Discard");
  await workbench.row(name).waitFor({ state: "detached" });
  await expect.poll(() => berth("sandbox", "list")).toBe("No sandboxes found.\n");
});
