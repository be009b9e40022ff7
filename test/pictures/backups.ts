/** What an instance can go back to, in dark and in light: the view of backups, and the panel's timeline beside it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { bundleCli } from "../support/cli-bundle.ts";
import { Workbench } from "../support/workbench.ts";
import { widenSidebar } from "./story.ts";

const SIZE = { width: 1360, height: 660 };
const SIDEBAR = 440;

export async function pictureBackups(images: string): Promise<void> {
  const place = await mkdtemp(path.join(tmpdir(), "backups-"));
  const bundle = await bundleCli();
  const workbench = await Workbench.start({ cli: bundle.cli });
  try {
    await furnish(workbench, place);
    await workbench.page.setViewportSize(SIZE);
    await arrange(workbench);
    await workbench.page.screenshot({ path: path.join(images, "timeline-dark.png") });
    await workbench.command("Preferences: Toggle between Light/Dark Themes");
    await workbench.page.locator(".monaco-workbench.vs").waitFor();
    await delay(1000); // The colours change one after the other.
    await workbench.page.screenshot({ path: path.join(images, "timeline-light.png") });
  } catch (error) {
    await workbench.screenshot("pictures-backups-failed");
    throw error;
  } finally {
    await workbench.close();
    await bundle.dispose();
    await rm(place, { recursive: true, force: true });
  }
}

async function furnish({ berth }: Workbench, place: string): Promise<void> {
  for (const name of ["web", "db"]) await berth.ok(["launch", "--name", name]);
  await berth.ok(["repository", "init", "nas", place]);
  await berth.ok(["backup", "create", "web", "db"]);
  await berth.ok(["stop", "web"]);
  await berth.ok(["snapshot", "web", "--name", "installed", "--comment", "before the first release"]);
  await berth.ok(["set", "local.web.disk=20G"]);
  await berth.ok(["backup", "create", "web", "--protect"]);
  await berth.ok(["snapshot", "web", "--name", "patched"]);
  await berth.ok(["backup", "schedule", "db", "--every", "day", "--at", "02:30"]);
}

async function arrange(workbench: Workbench): Promise<void> {
  const { page } = workbench;
  await workbench.openView();
  await widenSidebar(workbench, SIDEBAR);
  await workbench.commandOn("Berth: Show Details", "web");
  await panel(workbench).getByRole("tab", { name: "Timeline" }).click();
  await panel(workbench).getByRole("button", { name: "Roll Back installed" }).click();
  await workbench.notification("web is what it was at installed").waitFor();
  await workbench.command("Notifications: Clear All Notifications");
  await workbench.unfold("Instances", false);
  await workbench.unfold("Backups");
  const row = (name: RegExp) => page.locator(".part.sidebar").getByRole("treeitem", { name });
  await row(/^repository nas, \d/).waitFor();
  await row(/^web, backed up/).click();
  await page.keyboard.press("ArrowRight");
  await row(/^backup of .*protected/).waitFor();
  await panel(workbench)
    .getByRole("button", { name: /^Undo / })
    .waitFor();
}

function panel({ page }: Workbench) {
  return page.frameLocator('iframe.webview[src*="extensionId=berth"]').frameLocator("#active-frame");
}
