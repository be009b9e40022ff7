/** What a person sees before the first instance. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { recordFigure, Workbench } from "../support/workbench.ts";

const root = path.resolve(import.meta.dirname, "../..");
let workbench: Workbench;

beforeAll(async () => {
  workbench = await Workbench.start({
    theme: "Default Light Modern",
    // Nothing listens there: the catalogs are out of reach.
    env: {
      BERTH_SETTING_IMAGES_UBUNTU_URL: "http://127.0.0.1:1/",
      BERTH_SETTING_IMAGES_MANIFEST_URL: "http://127.0.0.1:1/m.json",
    },
  });
});
afterAll(() => workbench?.close());

test("the empty view offers a first instance", async () => {
  await workbench.openView();
  await workbench.welcome("Launch Primary Instance").waitFor();
  await workbench.welcome("Launch…").waitFor();
  await workbench.screenshot("empty-light");
});

takeFailurePictures("smoke", () => workbench);

test("every command that stands on its own is in the palette", async () => {
  const manifest = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
  const texts = JSON.parse(await readFile(path.join(root, "package.nls.json"), "utf8"));
  const hidden = new Set(
    (manifest.contributes.menus.commandPalette as { command: string; when?: string }[])
      .filter(({ when }) => when !== undefined)
      .map(({ command }) => command),
  );
  const shown = (manifest.contributes.commands as { command: string; title: string }[])
    .filter(({ command }) => !hidden.has(command))
    .map(({ title }) => `Berth: ${texts[title.replaceAll("%", "")] ?? title}`);
  await workbench.page.keyboard.press("F1");
  // One at a time: a list has elements only for the rows that can be seen.
  for (const title of shown) {
    await workbench.fill(`>${title}`);
    await workbench.page.locator(".quick-input-list .label-name", { hasText: title }).first().waitFor();
  }
  await workbench.page.keyboard.press("Escape");
  expect(shown.length).toBeGreaterThan(3);
});

test("an image that cannot be found is refused with words and a next step", async () => {
  await workbench.command("Berth: Launch…");
  await workbench.atStep("(1/4)");
  await workbench.fill("file:///nowhere/image.qcow2");
  await workbench.pick("Use");
  await workbench.atStep("(2/4)");
  await workbench.fill("web");
  await workbench.page.keyboard.press("Enter");
  await workbench.atStep("(3/4)");
  await workbench.pick("Small");
  await workbench.atStep("(4/4)");
  await workbench.pick("None");
  const toast = workbench.notification(/nowhere/);
  await toast.waitFor();
  await workbench.screenshot("unknown-image");
  expect(await toast.textContent()).toMatch(/cannot|no such|not found|not there/i);
});

test("the workbench tells how long activation took", async () => {
  const ms = await workbench.activationMs();
  await recordFigure("activationMs", ms);
  await workbench.screenshot("running-extensions");
  expect(ms).toBeGreaterThan(0); // How long is for `npm run bench:views` to judge: this machine may be busy.
});
