/** Instances as files, and between two engines, from the sidebar of a real workbench. */
import { stat } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { Workbench } from "../support/workbench.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let workbench: Workbench;
let there: Berth;

beforeAll(async () => {
  bundle = await bundleCli();
  there = await Berth.make({}, bundle.cli);
  await there.ok(["list"]); // It runs: the workbench would start the shipped engine there.
  workbench = await Workbench.start({ cli: bundle.cli });
  await workbench.berth.ok(["launch", "--name", "web"]);
  await workbench.openView();
  await workbench.row("web").waitFor();
});
afterAll(async () => {
  await workbench?.close();
  await there?.dispose();
  await bundle?.dispose();
});

takeFailurePictures("moving", () => workbench);

const until = (read: () => Promise<unknown>) => expect.poll(read, { timeout: 30_000 });

async function bring(command: string, as: string): Promise<void> {
  await workbench.commandOn(command, "web");
  await workbench.enter("Where to?", there.home);
  await workbench.enter("What is it called there?", as);
  await workbench.page.getByText("drawn anew").waitFor();
}

test("an instance is exported to a file, and another made of that", async () => {
  const file = path.join(workbench.folder, "web.berth");
  await workbench.commandOn("Berth: Export…", "web");
  const dialog = workbench.page.locator(".quick-input-widget:visible", { hasText: "Export web" });
  await expect.poll(() => dialog.locator("input[type=text]").inputValue()).toBe(file);
  await dialog
    .getByRole("button", { name: "OK", exact: true })
    .or(dialog.getByRole("button", { name: "Export", exact: true }))
    .click();
  await workbench.pick("Leave It Readable");
  await until(() =>
    stat(file).then(
      ({ size }) => size > 0,
      () => false,
    ),
  ).toBe(true);
  await workbench.command("Berth: Import…");
  await workbench.atStep("Import a VM");
  await workbench.pick("web.berth");
  await workbench.enter("What is the new instance called", "again");
  await workbench.row("again").filter({ hasText: "1 cpu" }).waitFor();
});

test("it is copied to another engine, whose plan is shown first", async () => {
  await bring("Berth: Copy to Another Engine…", "web2");
  await workbench.screenshot("moving-plan");
  await workbench.answer("Copy");
  await until(() => there.ok(["list"])).toMatch(/^web2 +Stopped/m);
});

test("it moves, comes back, moves again, and is there alone", async () => {
  await bring("Berth: Move to Another Engine…", "web");
  await workbench.answer("Move");
  await workbench.notification("Here it is kept until you confirm that").waitFor();
  expect(await there.ok(["list"])).toMatch(/^web +Running/m);
  await workbench.screenshot("moving-moved");
  await workbench.commandOn("Berth: Take Move Back", "web");
  await workbench.answer("Take Back");
  await until(() => workbench.berth.ok(["list"])).toMatch(/^web +Running/m);
  await there.ok(["purge"]);
  await bring("Berth: Move to Another Engine…", "web");
  await workbench.answer("Move");
  await until(() => there.ok(["list"])).toMatch(/^web +Running/m);
  await workbench.commandOn("Berth: Confirm Move", "web");
  await until(() => workbench.berth.ok(["list"])).toMatch(/^web +Deleted/m);
});
