/** Containers in a real workbench, over the real engine and a fake runtime: what is driven here is the views. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { FrameLocator } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundleCli } from "../support/cli-bundle.ts";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { PALETTE_MS, Workbench } from "../support/workbench.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let workbench: Workbench;

beforeAll(async () => {
  bundle = await bundleCli();
  const env = { BERTH_FAKE_TERMINALS: "real", SHELL: "/bin/sh", TERM: "xterm-256color" };
  workbench = await Workbench.start({ cli: bundle.cli, env });
  await workbench.berth.ok(["launch", "--name", "vm"]);
  await workbench.openView();
  await workbench.row("vm").waitFor();
});
afterAll(async () => {
  await workbench?.close();
  await bundle?.dispose();
});

takeFailurePictures("containers", () => workbench);

const entry = (name: string) => workbench.entry(name);
const telling = (name: string, text: string | RegExp) => workbench.row(name).filter({ hasText: text });
const page = (): FrameLocator =>
  workbench.page.frameLocator('iframe.webview[src*="extensionId=berth.berth"]').frameLocator("#active-frame");

test("a container is launched by the wizard, beside a VM", async () => {
  await workbench.command("Berth: Launch…");
  await workbench.pick("Container…");
  await workbench.enter("Which image?", "nginx:1.27");
  await workbench.enter("What is it called?", "web");
  await workbench.enter("Which of its ports", "18080:80");
  await telling("web", /nginx:1\.27 · Docker · 172\.17\.0\.2/).waitFor();
  await workbench.screenshot("containers-tree");
  expect(await workbench.berth.ok(["info", "web"])).toContain("127.0.0.1:18080 => 80/tcp");
});

test("a shell is attached, and its logs are viewed", async () => {
  await workbench.commandOn("Berth: Attach Shell", "web");
  await workbench.terminal("echo in-$((40 + 2))", /in-42/);
  await workbench.commandOn("Berth: View Logs", "web");
  await workbench.terminalShows(/started web/);
  await workbench.screenshot("containers-logs");
  await workbench.commandOn("Berth: Show Log", "web");
  await workbench.page.locator(".tab", { hasText: "web.output.log" }).waitFor();
  await workbench.page.locator(".editor-instance", { hasText: "started web" }).waitFor();
});

test("its main process is attached to, and left as it is", async () => {
  await workbench.commandOn("Berth: Attach to Main Process", "web");
  await workbench.terminalShows(/This is the main process of web\./);
  await workbench.screenshot("containers-attached");
  await workbench.command("Terminal: Kill All Terminals");
  expect(await workbench.berth.ok(["exec", "web", "--", "echo", "on"])).toBe("on\n");
});

test("its menu has what one does with a container, by the names that people know", async () => {
  const { page } = workbench;
  await workbench.row("web").click({ button: "right" });
  for (const name of ["Attach Shell", "Browse Files", "Open in Browser", "View Logs"])
    await entry(name).waitFor();
  expect(await entry("Open Shell").count()).toBe(0);
  await workbench.screenshot("containers-menu");
  const opened = page.context().waitForEvent("page");
  await workbench.choose("Open in Browser");
  await (await opened).waitForURL(/18080/);
  await (await opened).close();
});

test("it is paused, said to be, and goes on", async () => {
  await workbench.commandOn("Berth: Pause", "web");
  await telling("web", "paused").waitFor();
  await workbench.commandOn("Berth: Unpause", "web");
  await telling("web", "paused").waitFor({ state: "detached" });
});

test("one is let go of as it is, and taken in again", async () => {
  await workbench.berth.ok(["launch", "--name", "lent", "docker:nginx"]);
  await workbench.row("lent").waitFor();
  await workbench.commandOn("Berth: Release Container", "lent");
  await workbench.row("lent").waitFor({ state: "detached" });
  await workbench.commandOn("Berth: Adopt Container…", "berth-lent");
  await telling("berth-lent", /Docker/).waitFor();
  await workbench.screenshot("containers-adopted");
  await workbench.berth.ok(["delete", "--purge", "berth-lent"]);
});

test("what others have made is beneath the instances: looked at, never changed, taken in from its row", async () => {
  const { page } = workbench;
  await workbench.berth.ok(["launch", "--name", "theirs", "docker:nginx"]);
  await workbench.berth.ok(["release", "theirs"]);
  const section = row(/^Other containers, 1/);
  await section.click();
  const other = row(/^Container berth-theirs, not an instance, running/);
  await other.click({ button: "right" });
  for (const name of ["View Logs", "Adopt Container…"]) await entry(name).waitFor();
  for (const name of ["Stop", "Restart", "Delete"]) expect(await entry(name).count()).toBe(0);
  await workbench.screenshot("containers-foreign");
  await page.keyboard.press("Escape");
  // A row that is drawn anew while its menu is open is not what VS Code gives to the command.
  await workbench.again(async () => {
    await other.click({ button: "right" });
    await workbench.choose("View Logs");
    await workbench.terminalShows(/started theirs/, PALETTE_MS);
  });
  await workbench.press(other, "Adopt Container…");
  await telling("berth-theirs", /Docker/).waitFor();
  await section.waitFor({ state: "detached" });
  await workbench.berth.ok(["delete", "--purge", "berth-theirs"]);
});

test("its panel shows what it has, and hides what it has not", async () => {
  await workbench.commandOn("Berth: Show Details", "web");
  await page().getByRole("heading", { name: "web" }).waitFor();
  await page().getByText("Application", { exact: true }).waitFor();
  expect(await page().getByRole("tab", { name: "cloud-init" }).isVisible()).toBe(false);
  await page().getByRole("tab", { name: "Log", exact: true }).click();
  await page().getByText("started web").waitFor();
  await page().getByRole("tab", { name: "Sharing" }).click();
  await page().getByText("127.0.0.1:18080 → 80/tcp").waitFor();
  expect(await page().getByText("Extra disks").count()).toBe(0);
  await page().getByRole("tab", { name: "Resources" }).click();
  await page().getByRole("textbox", { name: "Memory" }).waitFor();
  expect(await page().getByRole("textbox", { name: "Disk" }).count()).toBe(0);
  await workbench.screenshot("containers-panel");
});

const row = (name: string | RegExp) =>
  workbench.page.locator(".part.sidebar").getByRole("treeitem", { name });

test("its runtime's images are beside those of VMs: pulled by layers, cancelled, launched, removed", async () => {
  await workbench.unfold("Images");
  await row(/^Images of containers on Docker/).click();
  await workbench.command("Berth: Pull Image…");
  await workbench.fill("docker:endless");
  await workbench.pick("Use “docker:endless”");
  await row(/^Layer layer, 50 %/).waitFor();
  await workbench.screenshot("containers-images-pulling");
  await workbench.notification("Pulling endless").getByRole("button", { name: "Cancel" }).click();
  await row(/^endless/).waitFor({ state: "detached" });

  await workbench.press(row(/^Images of containers on Docker/), "Pull Image…");
  await workbench.enter("Which image?", "nginx:1.28");
  await workbench.press(row(/^nginx:1\.28, Docker/), "Launch Instance of Image…");
  await workbench.atStep("(3/4)");
  await workbench.page.keyboard.press("Escape");
  await workbench.commandOn("Berth: Remove Image", "nginx:1.28");
  await workbench.page.keyboard.press("Enter");
  await workbench.answer("Remove");
  await row(/^nginx:1\.28, Docker/).waitFor({ state: "detached" });
});

test("an image is built from a file of the workspace, and pruned", async () => {
  await writeFile(path.join(workbench.folder, "Containerfile"), "FROM scratch\n");
  await workbench.command("Berth: Build Image…");
  await workbench.pick("Containerfile");
  await workbench.enter("What is the image called?", "built:1");
  await workbench.terminalShows(/step 3[\s\S]*The image built:1 is on this host/);
  await row(/^built:1, Docker/).waitFor();
  await workbench.screenshot("containers-images");
  await row(/^Images of containers on Docker/).click({ button: "right" });
  await workbench.choose("Remove Unused Images");
  await workbench.answer("Remove");
  await row(/^built:1, Docker/).waitFor({ state: "detached" });
  await workbench.unfold("Images", false);
});

test("a compose file is brought up and its project down, and the tree tells what there is", async () => {
  await writeFile(path.join(workbench.folder, "compose.yaml"), "services: {}\n");
  await workbench.command("Berth: Compose Up");
  await workbench.pick("compose.yaml");
  await workbench.terminalShows(/bringing .+ up[\s\S]* is up\./);
  await row(/^Compose Projects/).click();
  const project = row(/^Compose project .+, 1 of 1 running, Docker/);
  await project.click();
  await row(/^web, running, compose\.yaml/).waitFor();
  expect(await row(/^Other containers/).count()).toBe(0); // Its containers are told of once.
  await workbench.screenshot("containers-compose");
  await workbench.press(project, "Compose Down");
  await workbench.terminalShows(/bringing .+ down[\s\S]* is down\./);
  await row(/^None yet/).waitFor();

  await workbench.berth.ok(["compose", "up", "other", "-f", path.join(workbench.folder, "other.yaml")]);
  await row(/^Compose project other/).waitFor();
  await workbench.press(row(/^Compose Projects/), "Refresh Compose Projects");
  await row(/^Compose project other/).waitFor();
  await workbench.berth.ok(["compose", "down", "other"]);
  await row(/^None yet/).waitFor();
});

test("a setting hides what others have made", async () => {
  await workbench.berth.ok(["launch", "--name", "theirs", "docker:nginx"]);
  await workbench.berth.ok(["release", "theirs"]);
  await row(/^Other containers, 1/).waitFor();
  await workbench.set({ "berth.instances.otherContainers": false });
  await workbench.unfold("Instances");
  await row(/^Compose Projects/).waitFor();
  expect(await row(/^Other containers/).count()).toBe(0);
});
