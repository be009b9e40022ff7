/** The whole path on real parts: wizard → engine → QEMU → guest → terminal, clicked in a real workbench. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type CatalogServer, startCatalogServer } from "../support/catalog-server.ts";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { testImage } from "../support/guest-image.ts";
import { Workbench } from "../support/workbench.ts";

const BOOT_MS = 240_000;
let catalog: CatalogServer;
let workbench: Workbench;

beforeAll(async () => {
  const image = await testImage();
  catalog = await startCatalogServer([{ file: image.path }]);
  const [url = ""] = catalog.imageUrls;
  const checksum = { algorithm: "sha256", hex: image.sha256 };
  const debian = { os: "Debian", release: "12", codename: "bookworm", version: "20261101", user: image.user };
  const images = { x86_64: { url, sizeBytes: image.sizeBytes, checksum } };
  catalog.put("/manifest.json", JSON.stringify({ schema: 1, distributions: [{ ...debian, images }] }));
  workbench = await Workbench.start({
    env: {
      BERTH_SETTING_IMAGES_UBUNTU_URL: catalog.url,
      BERTH_SETTING_IMAGES_MANIFEST_URL: `${catalog.url}manifest.json`,
    },
  });
});
afterAll(async () => {
  await workbench?.close();
  await catalog?.close();
});

takeFailurePictures("first-light", () => workbench);

beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => void (await workbench?.screenshot("first-light-failed")));
});

test("the wizard launches an instance, and its row tells what happens", async () => {
  await workbench.openView();
  await workbench.welcome("Launch…").click();
  await workbench.atStep("(1/4)");
  await workbench.fill("bookworm");
  await workbench.screenshot("wizard-image");
  await workbench.pick("Debian 12");
  await workbench.atStep("(2/4)");
  await workbench.fill("we_b");
  await workbench.page.getByText("begin with a letter").first().waitFor();
  await workbench.fill("web");
  await workbench.page.keyboard.press("Enter");
  await workbench.atStep("(3/4)");
  await workbench.screenshot("wizard-size");
  await workbench.pick("Small");
  await workbench.atStep("(4/4)");
  await workbench.pick("None");

  await workbench.row("web").waitFor();
  await workbench
    .row("web")
    .filter({ hasText: /boot|cloud-init|wait/i })
    .waitFor();
  await workbench.screenshot("launching");
  await workbench
    .row("web")
    .filter({ hasText: "Debian 12" })
    .filter({ hasText: /\d+\.\d+\.\d+\.\d+/ })
    .waitFor({ timeout: BOOT_MS });
  await workbench.page.locator('.activitybar a.action-label[aria-label*="1 running"]').waitFor();
  await workbench.screenshot("running");
});

test("its shell opens beside the row, and the guest answers", async () => {
  await workbench.press(workbench.row("web"), "Open Shell");
  await workbench.terminalShows(/web:~\$/);
  await workbench.terminal("clear; uname -n; echo $((6*7))", /web[\s\S]*42/);
  await workbench.terminal("grep PRETTY /etc/os-release", /Debian GNU\/Linux 12/);
  await workbench.screenshot("shell-dark");
});

test("a command of the palette stops it, and the tree follows", async () => {
  await workbench.row("web").click();
  await workbench.press(workbench.row("web"), "Stop");
  await workbench
    .row("web")
    .getByRole("button", { name: "Start" })
    .waitFor({ state: "attached", timeout: 120_000 });
  await workbench.screenshot("stopped");
  expect(await workbench.berth.qemuPids()).toEqual([]);
});

test("delete asks, the trash keeps it, recover brings it back, purge asks again", async () => {
  await workbench.row("web").click({ button: "right" });
  // A menu takes no click just after it has opened, but keys at once.
  await workbench.page.getByRole("menuitem", { name: /^Delete/ }).hover();
  await workbench.page.keyboard.press("Enter");
  await workbench.page.locator(".monaco-dialog-box").waitFor();
  await workbench.screenshot("delete-question");
  await workbench.answer("Move to Trash");
  await workbench.row("Trash").waitFor();
  await workbench.commandOn("Berth: Recover", "web");
  await workbench.row("Trash").waitFor({ state: "detached" });
  await workbench.row("web").waitFor();

  await workbench.row("web").click();
  await workbench.page.keyboard.press("Delete");
  await workbench.answer("Move to Trash");
  await workbench.row("Trash").waitFor();
  await workbench.commandOn("Berth: Purge", "web");
  await workbench.page.locator(".monaco-dialog-box").waitFor();
  await workbench.screenshot("purge-question");
  await workbench.answer("Remove for Good");
  await workbench.welcome("Launch Primary Instance").waitFor();
});
