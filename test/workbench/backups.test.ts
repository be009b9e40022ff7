/** Backups from the sidebar of a real workbench: a repository is made with the first, and a new instance of the last. */
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
  await workbench.openView();
  await workbench.row("web").waitFor();
});
afterAll(async () => {
  await workbench?.close();
  await bundle?.dispose();
  await rm(places, { recursive: true, force: true });
});

takeFailurePictures("backups", () => workbench);

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

// Last: another folder in the window begins its extensions anew.
test("the files of a backup are seen in the Explorer", async () => {
  await workbench.commandOn("Berth: Files of Backup…", "web");
  await workbench.pick("web");
  const row = (name: string) => workbench.page.getByRole("treeitem", { name, exact: true });
  await row("etc").waitFor({ timeout: 300_000 });
  await row("etc").click();
  await row("hostname").waitFor();
  await workbench.screenshot("backups-files");
});
