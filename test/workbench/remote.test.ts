/** Opening folders inside a real guest: the consent with its diff, the picker, and the address that is opened. */
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { run } from "../../src/base/run.ts";
import { type CatalogServer, startCatalogServer } from "../support/catalog-server.ts";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { testImage } from "../support/guest-image.ts";
import { remoteExtension } from "../support/remote-extension.ts";
import { Workbench } from "../support/workbench.ts";

const BOOT_MS = 600_000;
const OWN = "# mine\nHost *\n  ServerAliveInterval 60\n";
let catalog: CatalogServer;
let extension: Awaited<ReturnType<typeof remoteExtension>>;
let workbench: Workbench;
let config: string;

beforeAll(async () => {
  const image = await testImage();
  catalog = await startCatalogServer([{ file: image.path }]);
  extension = await remoteExtension("ms-vscode-remote.remote-ssh");
  const env = { BERTH_SETTING_IMAGES_UBUNTU_URL: catalog.url };
  workbench = await Workbench.start({ env, extensions: [extension.vsix] });
  config = path.join(workbench.home, ".ssh", "config");
  await mkdir(path.dirname(config), { recursive: true, mode: 0o700 });
  await writeFile(config, OWN, { mode: 0o640 });
  const project = path.join(workbench.home, "project");
  await writeFile(path.join(project, "hello.txt"), "from the host\n");
  // The catalog is Ubuntu's, the image is Debian's.
  const userData = "#cloud-config\nsystem_info: {default_user: {name: ubuntu}}\n";
  const launch = ["launch", "noble", "--name", "Web", "--cloud-init", "-"];
  await workbench.berth.ok(launch, { input: userData, timeoutMs: BOOT_MS });
  const folders = "mkdir -p 'my project/src' .hidden && touch file";
  await workbench.berth.ok(["exec", "Web", "--", "sh", "-c", folders]);
  await workbench.openView();
  await workbench.row("Web").waitFor();
});
afterAll(async () => {
  await workbench?.close();
  await extension?.dispose();
  await catalog?.close();
});

takeFailurePictures("remote", () => workbench);

beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => void (await workbench?.screenshot("remote-failed")));
});

/**
 * The folder of the window that `act` opens. A browser's workbench knows one remote host, its own server, so that only
 * the path of the address is left in it; `unit/views/remote.test.ts` has the whole.
 */
async function opened(act: () => Promise<void>): Promise<string> {
  const window: Promise<Page> = workbench.page.context().waitForEvent("page", { timeout: BOOT_MS });
  await act();
  const page = await window;
  await page.waitForURL(/folder=/);
  const address = new URL(page.url()).searchParams.get("folder") ?? "";
  await page.close();
  return address;
}

test("the configuration is changed only after its diff was shown and agreed to", async () => {
  await workbench.command("Berth: Open Folder in Instance…");
  await workbench.page.locator(".monaco-dialog-box", { hasText: "Add Berth's hosts" }).waitFor();
  const diff = workbench.page.locator(".monaco-diff-editor");
  await diff.getByText("ssh/config").first().waitFor();
  await diff.getByText("ServerAliveInterval").first().waitFor();
  await workbench.screenshot("remote-consent");
  await workbench.answer("Cancel");
  await diff.waitFor({ state: "detached" });
  expect(await readFile(config, "utf8")).toBe(OWN);
});

test("a stopped instance is started, its folders are walked through, and the right address opens", async () => {
  await workbench.berth.ok(["stop", "Web"]);
  await workbench.press(workbench.row("Web"), "Open Folder in Instance…");
  await workbench.answer("Add");
  await workbench.notification("Starting Web").waitFor();
  await workbench.screenshot("remote-starting");
  await workbench.page
    .locator(".quick-input-titlebar", { hasText: "Open Folder in Web" })
    .waitFor({ timeout: BOOT_MS });
  await workbench.page.getByText("Open /home/ubuntu").waitFor();
  await workbench.screenshot("remote-folders");
  await workbench.pick("my project");
  await workbench.page.getByText("Open /home/ubuntu/my project").waitFor();
  const address = await opened(() => workbench.pick("Open /home/ubuntu/my project"));
  expect(address).toBe("/home/ubuntu/my project");

  expect(await readFile(config, "utf8")).toContain(OWN);
  expect((await stat(config)).mode & 0o777).toBe(0o640);
  const settings = await readFile(path.join(workbench.home, "User", "settings.json"), "utf8");
  expect(JSON.parse(settings)["remote.SSH.remotePlatform"]).toEqual({ "web.berth": "linux" });
});

test("what was set up is what ssh takes to get in", async () => {
  const { stdout } = await run(["ssh", "-F", config, "-o", "BatchMode=yes", "web.berth", "pwd"]);
  expect(stdout).toBe("/home/ubuntu\n");
});

test("a path can be typed, and one that is not there is told", async () => {
  await workbench.command("Berth: Open Folder in Instance…");
  await workbench.page.getByText("Open /home/ubuntu").waitFor();
  await workbench.fill("/no/such");
  await workbench.pick("Go to /no/such");
  await workbench.page
    .locator('.quick-input-widget input[placeholder*="there is no such directory"]')
    .waitFor();
  await workbench.fill("/etc/ssh");
  await workbench.pick("Go to /etc/ssh");
  await workbench.page.getByText("Open /etc/ssh").waitFor();
  await workbench.page.keyboard.press("Escape");
});

test("the workspace is mounted in the instance, which is remembered, and opened there", async () => {
  await workbench.command("Berth: Open Workspace in Instance…");
  await workbench.atStep("Open project in Web");
  await workbench.screenshot("remote-workspace");
  const address = await opened(() => workbench.pick("Mount"));
  expect(address).toBe("/home/ubuntu/project");
  const words = await workbench.berth.ok(["exec", "Web", "--", "cat", "project/hello.txt"]);
  expect(words).toBe("from the host\n");
  expect(await opened(() => workbench.command("Berth: Open Workspace in Instance…"))).toBe(address);
});

test("or copied, once it is not mounted any more", async () => {
  await workbench.berth.ok(["umount", "Web"]);
  await workbench.command("Berth: Open Workspace in Instance…");
  await workbench.atStep("Open project in Web");
  const address = await opened(() => workbench.pick("Copy"));
  expect(address).toBe("/home/ubuntu/project");
  await workbench.berth.ok(["exec", "Web", "--", "sh", "-c", "echo changed > project/own.txt"]);
  await workbench.command("Berth: Open Workspace in Instance…");
  const again = await opened(() => workbench.answer("Copy Again"));
  expect(again).toBe(address);
  const words = await workbench.berth.ok([
    "exec",
    "Web",
    "--",
    "cat",
    "project/hello.txt",
    "project/own.txt",
  ]);
  expect(words).toBe("from the host\nchanged\n");
});

test("a window without a folder", async () => {
  const window = workbench.page.context().waitForEvent("page", { timeout: BOOT_MS });
  await workbench.command("Berth: Open Window in Instance");
  const page = await window;
  await page.waitForURL(/ew=true/);
  await page.close();
});

test("taking it out gives the file back as it was", async () => {
  await workbench.command("Berth: Remove SSH Configuration…");
  await workbench.answer("Remove");
  await workbench.notification("no longer in ~/.ssh/config").waitFor();
  expect(await readFile(config, "utf8")).toBe(OWN);
  expect((await stat(config)).mode & 0o777).toBe(0o640);
});

test("it can be put in by itself", async () => {
  await workbench.command("Berth: Add SSH Configuration…");
  await workbench.answer("Add");
  await workbench.notification("~/.ssh/config includes Berth's hosts").waitFor();
  expect(await readFile(config, "utf8")).toMatch(
    /^# >>> berth >>>\nInclude ".*\/ssh\/config"\n# <<< berth <<<\n/,
  );
});
