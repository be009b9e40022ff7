/** A real guest, from an empty sidebar to a file inside it that is open in the editor. */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Page } from "playwright-core";
import { type CatalogServer, startCatalogServer } from "../support/catalog-server.ts";
import { testImage } from "../support/guest-image.ts";
import { remoteExtension } from "../support/remote-extension.ts";
import { Workbench } from "../support/workbench.ts";
import { Story, widenSidebar } from "./story.ts";

const BOOT_MS = 900_000;
const FOLDER = "/home/debian/site";
const PAGE = "<h1>Hello from a virtual machine</h1>\n";

export async function pictureInstance(images: string): Promise<void> {
  const catalog = await catalogOfDebian();
  // A browser's workbench has no extension for Remote-SSH: this one stands for its settings, and opens nothing.
  const extension = await remoteExtension("ms-vscode-remote.remote-ssh");
  const env = {
    BERTH_SETTING_IMAGES_UBUNTU_URL: catalog.url,
    BERTH_SETTING_IMAGES_MANIFEST_URL: `${catalog.url}manifest.json`,
  };
  const workbench = await Workbench.start({ env, extensions: [extension.vsix] });
  try {
    await writeFile(path.join(workbench.home, ".bashrc"), "PS1='\\W$ '\n");
    const config = path.join(workbench.home, ".ssh", "config");
    await mkdir(path.dirname(config), { mode: 0o700 });
    await writeFile(config, "Host *\n  ServerAliveInterval 60\n");
    const story = await Story.begin(workbench);
    await launch(workbench, story);
    await openFolder(workbench, story);
    await browse(workbench, story);
    await story.save(path.join(images, "open-folder.gif"));
  } catch (error) {
    await workbench.screenshot("pictures-instance-failed");
    throw error;
  } finally {
    await workbench.close();
    await extension.dispose();
    await catalog.close();
  }
}

async function catalogOfDebian(): Promise<CatalogServer> {
  const image = await testImage();
  const catalog = await startCatalogServer([{ file: image.path }]);
  const [url = ""] = catalog.imageUrls;
  const checksum = { algorithm: "sha256", hex: image.sha256 };
  const debian = { os: "Debian", release: "12", codename: "bookworm", version: "20261101", user: image.user };
  const built = { x86_64: { url, sizeBytes: image.sizeBytes, checksum } };
  catalog.put("/manifest.json", JSON.stringify({ schema: 1, distributions: [{ ...debian, images: built }] }));
  return catalog;
}

async function launch(workbench: Workbench, story: Story): Promise<void> {
  await workbench.openView();
  const button = workbench.welcome("Launch…");
  await button.waitFor();
  await widenSidebar(workbench, 400);
  await story.frame("The sidebar, without an instance yet: Launch…", button);
  await button.click();
  await workbench.atStep("(1/4)");
  const debian = workbench.page
    .locator(".quick-input-list .monaco-list-row", { hasText: "Debian 12" })
    .first();
  await debian.waitFor();
  await story.frame("Choose an image, a name and a size", debian);
  await debian.click();
  await workbench.atStep("(2/4)");
  await workbench.fill("web");
  await workbench.page.keyboard.press("Enter");
  await workbench.atStep("(3/4)");
  await workbench.pick("Small");
  await workbench.atStep("(4/4)");
  await workbench.pick("None");
  const row = workbench.row("web");
  await row.filter({ hasText: /boot|wait/i }).waitFor({ timeout: BOOT_MS });
  await story.frame("It boots, and its row tells what happens", row);
  await row.filter({ hasText: /\d+\.\d+\.\d+\.\d+/ }).waitFor({ timeout: BOOT_MS });
  const words = `mkdir site && echo '${PAGE.trim()}' > site/index.html`;
  await workbench.berth.ok(["exec", "web", "--", "sh", "-c", words]);
}

async function openFolder(workbench: Workbench, story: Story): Promise<void> {
  const row = workbench.row("web");
  await row.hover();
  const button = row.getByRole("button", { name: "Open Folder in Instance…" });
  await story.frame("It runs. Open a folder inside it", button);
  await button.click();
  await workbench.page.mouse.move(0, 0); // Or what the row says of its instance would lie over the question.
  const dialog = workbench.page.locator(".monaco-dialog-box");
  await dialog.waitFor();
  await workbench.page.locator(".monaco-diff-editor").getByText("Include").first().waitFor();
  await story.frame(
    "Once: what your SSH configuration will gain, as a difference. Nothing is changed before you agree",
  );
  await workbench.answer("Add");
  await workbench.pick("site");
  const choice = workbench.page
    .locator(".quick-input-list .monaco-list-row", { hasText: `Open ${FOLDER}` })
    .first();
  await choice.waitFor();
  await story.frame(`Remote-SSH gets vscode-remote://ssh-remote+web.berth${FOLDER}`, choice);
  const window: Promise<Page> = workbench.page.context().waitForEvent("page", { timeout: BOOT_MS });
  await choice.click();
  const opened = await window;
  await opened.waitForURL(/folder=/);
  const folder = new URL(opened.url()).searchParams.get("folder");
  if (folder !== FOLDER) throw new Error(`${folder} was opened, not ${FOLDER}`);
  await opened.close();
}

/** Where there is no remote extension, as here, the same files are in this window. */
async function browse(workbench: Workbench, story: Story): Promise<void> {
  const { page } = workbench;
  await workbench.command("Berth: Browse Files");
  const tree = page.locator(".explorer-folders-view");
  const item = (name: string) => workbench.inExplorer(name);
  await workbench.secondFolder("web");
  if ((await item("web").getAttribute("aria-expanded")) !== "true") await item("web").click();
  await item("site").click();
  await item("index.html").dblclick();
  await page.locator(".view-line", { hasText: "Hello from" }).waitFor();
  await story.frame(
    "This browser has no Remote-SSH, so Browse Files: the guest's home in the Explorer",
    tree,
  );
  await page.locator(".view-line", { hasText: "Hello from" }).click();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await page.keyboard.type("Saved from the editor");
  await page.keyboard.press("ControlOrMeta+S");
  await page.locator(".tab.active:not(.dirty)").waitFor();
  await workbench.commandOn("Berth: Open Shell", "web");
  await workbench.terminalShows(/web:~\$/);
  await workbench.terminal("clear; uname -n; cat site/index.html", /web[\s\S]*Saved from/);
  await story.frame(
    "A shell in the guest: what was saved in the editor is there",
    page.locator(".part.panel"),
  );
}
