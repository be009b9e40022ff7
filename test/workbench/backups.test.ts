/** Backups from the sidebar of a real workbench: made, seen, restored, rolled back to, planned and deleted; repositories. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Backup } from "../../src/api/backup.ts";
import { bundleCli } from "../support/cli-bundle.ts";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { Workbench } from "../support/workbench.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let workbench: Workbench;
let places: string;

beforeAll(async () => {
  places = await mkdtemp(path.join(tmpdir(), "berth-wb-backups-"));
  bundle = await bundleCli();
  workbench = await Workbench.start({ cli: bundle.cli });
  await workbench.berth.ok(["launch", "--name", "web"]);
  await workbench.berth.ok(["disk", "add", "web", "name=data,size=1G"]);
  await workbench.openView();
  await workbench.row("web").waitFor();
});
afterAll(async () => {
  await workbench?.close();
  await bundle?.dispose();
  await rm(places, { recursive: true, force: true });
});

takeFailurePictures("backups", () => workbench);

const row = (name: RegExp) => workbench.page.locator(".part.sidebar").getByRole("treeitem", { name });
const aBackup = /^backup of /;

/** Shows what is below a row, of which this is a part. */
async function unfold(above: RegExp, part: RegExp): Promise<void> {
  await row(above).click();
  await expect
    .poll(
      async () => {
        if (await row(part).first().isVisible()) return true;
        await workbench.page.keyboard.press("ArrowRight");
        return false;
      },
      { timeout: 30_000, interval: 500 },
    )
    .toBe(true);
}

/** Chooses from the menu of a row. */
const choose = (entry: string, of: RegExp) =>
  workbench.again(async () => {
    await row(of).first().click({ button: "right" });
    await workbench.choose(entry);
  });

const said = (text: string | RegExp) => workbench.page.getByText(text).first().waitFor();

const backups = async () =>
  ((await workbench.berth.json(["backup", "list"])) as { backups: Backup[] }).backups;

test("the first backup makes a repository, whose password is shown", async () => {
  await workbench.commandOn("Berth: Back Up", "web");
  const place = path.join(places, "main");
  await workbench.enter("Where shall backups lie", place);
  await workbench.enter("What is it called", "main");
  await workbench.pick("Make a New Repository There");
  await workbench.page.getByText("Keep it where nobody else comes").waitFor();
  await workbench.screenshot("backups-kit");
  await workbench.answer("Copy Password");
  await expect.poll(backups, { timeout: 60_000 }).toHaveLength(1);
  expect(await readdir(place)).toContain("snapshots");
});

test("a new instance is made of a backup", async () => {
  await workbench.commandOn("Berth: New Instance of Backup…", "web");
  await workbench.enter("What is it called", "web-of-then");
  await workbench.pick("Bring In All of It, and Let It Rest");
  // A row in the making tells what is done to it; one that rests, what it has.
  await workbench.row("web-of-then").filter({ hasText: "1 cpu" }).waitFor();
  await workbench.screenshot("backups-restored");
});

test("another repository is opened by its password", async () => {
  const place = path.join(places, "other");
  await workbench.berth.ok(["repository", "init", "other", place]);
  const kit = await workbench.berth.ok(["repository", "kit", "other"]);
  await workbench.berth.ok(["repository", "remove", "--yes", "other"]);
  await workbench.command("Berth: Add Backup Repository…");
  await workbench.enter("Where shall backups lie", place);
  await workbench.enter("What is it called", "other");
  await workbench.pick("Open the One That Is There");
  await workbench.enter("Its password", /^Password: +(\S+)$/m.exec(kit)?.[1] ?? "");
  const named = () => workbench.berth.ok(["repository", "list"]);
  await expect.poll(named, { timeout: 20_000 }).toMatch(/^other /m);
});

test("repositories are seen with what lies in them, by instance, the newest first", async () => {
  await workbench.unfold("Instances", false);
  await workbench.unfold("Backups");
  await row(/^repository main, 1 backup/).waitFor();
  await row(/^repository other, empty/).waitFor();
  await unfold(/^repository main/, /^web, backed up/);
  await unfold(/^web, backed up/, aBackup);
  await workbench.press(row(/^web, backed up/), "Back Up");
  await row(/^repository main, 2 backups/).waitFor();
  await expect.poll(() => row(aBackup).count()).toBe(2);
  await workbench.screenshot("backups-view");
});

test("a backup is verified, proven, protected, and no longer", async () => {
  await choose("Verify Backup", aBackup);
  await said("All of it is there, and as it was.");
  await choose("Prove Backup by Booting It", aBackup);
  await said("It can be restored, and boots.");
  await row(/^backup of .*proven/).waitFor();
  await choose("Protect Backup", aBackup);
  await row(/^backup of .*protected/).waitFor();
  await choose("Take Protection from Backup", /^backup of .*protected/);
  await row(/^backup of .*protected/).waitFor({ state: "detached" });
});

test("an instance is rolled back to a backup in one step, which is undone in another", async () => {
  await workbench.press(row(aBackup).first(), "Roll Back");
  await workbench.answer("Stop and Roll Back");
  const done = workbench.notification(/^.*web is what it was at/);
  await done.waitFor();
  expect(await workbench.berth.ok(["list", "--snapshots"])).toMatch(/before-restore-1/);
  await workbench.screenshot("backups-undo");
  await done.getByRole("button", { name: "Undo" }).click();
  await workbench.answer("Stop and Roll Back");
  await workbench.notification("web is what it was at before-restore-1").waitFor();
  expect(await workbench.berth.ok(["list", "--snapshots"])).toMatch(/before-restore-2/);
  await workbench.commandOn("Berth: Show Details", "web");
  const page = workbench.page
    .frameLocator('iframe.webview[src*="extensionId=berth.berth"]')
    .frameLocator("#active-frame");
  await page.getByRole("tab", { name: "Timeline" }).click();
  await page.getByRole("button", { name: "Undo before-restore-2" }).waitFor();
  await page.getByText("Backup in main").first().waitFor();
  await workbench.screenshot("backups-timeline");
});

test("one disk of a backup is rolled back to, and the others stay", async () => {
  await choose("Roll Back One Disk…", aBackup);
  await workbench.pick("data");
  await workbench.answer("Stop and Roll Back");
  await workbench.notification(/web is what it was at \w+ \d/).waitFor(); // It runs again.
  expect(await workbench.berth.ok(["list", "--snapshots"])).toMatch(/before-restore-3/);
});

test("an instance is backed up by itself, and no longer", async () => {
  await workbench.press(row(/^web, backed up/), "Schedule Backups…");
  await workbench.pick("Every Day");
  await workbench.enter("At what time", "02:30");
  await workbench.page.getByText("7 daily, 4 weekly, 6 monthly").waitFor();
  await workbench.screenshot("backups-kept");
  await workbench.pick("Half a Year");
  await row(/^web, backed up .*, next /).waitFor();
  expect(await workbench.berth.ok(["backup", "schedule"])).toMatch(/web +day .*daily=7,weekly=4,monthly=6/);
  await row(/^repository main, 1 backup/).waitFor(); // The first one is made at once: it is that of its day.
  await workbench.screenshot("backups-plan");
  await workbench.press(row(/^web, backed up/), "Schedule Backups…");
  await workbench.pick("No Longer");
  await row(/^web, backed up .*, next /).waitFor({ state: "detached" });
});

test("backups are deleted, and what only they need is freed", async () => {
  await choose("Delete Backup…", aBackup);
  await workbench.answer("Delete for Good");
  await row(aBackup).waitFor({ state: "detached" });
  await choose("Prune Repository", /^repository main/);
  await said("main holds nothing that no backup needs.");
  await choose("Check Repository…", /^repository main/);
  await workbench.pick("That Nothing Is Missing");
  await said("Nothing is wrong with main.");
});

test("a repository's password is shown and changed; one is forgotten, and the list asked for anew", async () => {
  await choose("Show Recovery Kit", /^repository main/);
  await said("Keep it where nobody else comes");
  await workbench.answer("Copy Password");
  await choose("Change Repository Password…", /^repository main/);
  await workbench.enter("The new one", "a password of our own");
  await said("a password of our own");
  await workbench.answer("Copy Password");
  await choose("Forget Repository…", /^repository other/);
  await workbench.answer("Forget It");
  await row(/^repository other/).waitFor({ state: "detached" });
  await workbench.berth.ok(["repository", "remove", "--yes", "main"]);
  await workbench.command("Berth: Refresh Backups");
  await said("Nothing is backed up yet.");
  await workbench.screenshot("backups-none");
});

// Last: another folder in the window begins its extensions anew.
test("the files of a backup are seen in the Explorer", async () => {
  await workbench.berth.ok(["repository", "init", "files", path.join(places, "files")]);
  await workbench.berth.ok(["backup", "create", "web"]);
  await workbench.commandOn("Berth: Files of Backup…", "web");
  await workbench.secondFolder("web,");
  await workbench.unfoldFolder("web,", "etc");
  await workbench.unfoldFolder("etc", "hostname");
  await workbench.screenshot("backups-files");
});
