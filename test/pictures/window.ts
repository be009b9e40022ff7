/**
 * The window after some time, in dark and in light: instances in different states, and the panel of one. Over a driver
 * whose guests are this computer: the charts show what it uses.
 */
import { totalmem } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ImageEntry } from "../../src/api/image.ts";
import { startLocalEngine } from "../support/local-engine.ts";
import { Workbench } from "../support/workbench.ts";
import { widenSidebar } from "./story.ts";

const SIZE = { width: 1360, height: 850 };
const SIDEBAR = 440;
/** How long the charts are watched before they are pictured. */
const WATCHED_MS = 100_000;
const BOOTING = "ci";

const image = {
  remote: "release",
  arch: "x86_64",
  version: "20261015",
  supported: true,
  cached: false,
} as const;
const IMAGES: ImageEntry[] = [
  { ...image, reference: "24.04", aliases: ["24-04"], os: "Ubuntu", release: "24.04 LTS" },
  { ...image, reference: "debian", aliases: ["debian"], os: "Debian", release: "12" },
];

export async function pictureWindow(images: string): Promise<void> {
  const env = { BERTH_FAKE_IMAGES: JSON.stringify(IMAGES), BERTH_FAKE_NEVER_READY: BOOTING };
  const workbench = await Workbench.start({ env });
  const engine = await startLocalEngine(workbench.berth);
  try {
    await furnish(workbench);
    await workbench.page.setViewportSize(SIZE);
    await arrange(workbench);
    await delay(WATCHED_MS);
    await workbench.page.screenshot({ path: path.join(images, "window-dark.png") });
    await workbench.command("Preferences: Toggle between Light/Dark Themes");
    await workbench.page.locator(".monaco-workbench.vs").waitFor();
    await delay(3000); // The charts are drawn anew with their next figures.
    await workbench.page.screenshot({ path: path.join(images, "window-light.png") });
  } catch (error) {
    await workbench.screenshot("pictures-window-failed");
    throw error;
  } finally {
    await workbench.close();
    await engine.stop();
  }
}

async function furnish({ berth }: Workbench): Promise<void> {
  const memory = `${Math.floor(totalmem() / 2 ** 30)}G`;
  const launch = (image: string, name: string, label: string, ...more: string[]) =>
    berth.ok(["launch", image, "--name", name, "--label", label, ...more]);
  await launch("24.04", "web", "env=live", "--cpus", "2", "--memory", memory);
  await launch("debian", "db", "env=live", "--memory", "2G");
  await launch("24.04", "cache", "env=test");
  await launch("debian", "old", "env=test");
  await berth.ok(["stop", "web", "db"]);
  await berth.ok(["snapshot", "web", "--name", "installed", "--comment", "before the first release"]);
  await berth.ok(["snapshot", "db", "--name", "fresh", "--comment", "as it was installed"]);
  await berth.ok(["snapshot", "db", "--name", "patched", "--comment", "before the migration"]);
  await berth.ok(["start", "web"]);
  await berth.ok(["suspend", "cache"]);
  await berth.ok(["delete", "old"]);
  void berth.run(["launch", "24.04", "--name", BOOTING, "--label", "env=test"]);
}

async function arrange(workbench: Workbench): Promise<void> {
  const { page } = workbench;
  await workbench.openView();
  await workbench.row(BOOTING).waitFor();
  await widenSidebar(workbench, SIDEBAR);
  await workbench.commandOn("Berth: Group Instances By…", "env");
  await workbench.commandOn("Berth: Show Details", "web");
  const panel = page.frameLocator('iframe.webview[src*="extensionId=berth"]').frameLocator("#active-frame");
  await panel.getByRole("img", { name: /^CPU: \d+ %/ }).waitFor();
  await workbench.row("db").click();
  await page.keyboard.press("ArrowRight");
  await page.getByRole("treeitem", { name: /^snapshot patched/ }).waitFor();
}
