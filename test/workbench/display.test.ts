/** Graphical consoles in a real workbench, over an engine whose guests have a small RFB server for a screen. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { FrameLocator } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { BARS, FRAMES } from "../support/fake-display.ts";
import { startLocalEngine } from "../support/local-engine.ts";
import { Workbench } from "../support/workbench.ts";

let workbench: Workbench;
let engine: Awaited<ReturnType<typeof startLocalEngine>>;

beforeAll(async () => {
  workbench = await Workbench.start();
  engine = await startLocalEngine(workbench.berth);
  await workbench.berth.ok(["launch", "--guest", "other", "--name", "win"]);
  await workbench.openView();
});
afterAll(async () => {
  await workbench?.close();
  await engine?.stop();
});

takeFailurePictures("display", () => workbench);

const page = (): FrameLocator =>
  workbench.page.frameLocator('iframe.webview[src*="extensionId=berth.berth"]').frameLocator("#active-frame");
/** Commands are for the workbench again: while the screen has the keyboard, F1 is the guest's, too. */
async function command(title: string): Promise<void> {
  await button("Release Keyboard").click();
  await workbench.command(title);
}

const canvas = () => page().locator("canvas");
const button = (name: string) => page().getByRole("button", { name });

/** What the guest's screen says was done to it. */
const told = () => workbench.berth.ok(["log", "win"]);

/** As much of a canvas as is looked at: the page's own classes are not known here. */
type Canvas = {
  getContext(kind: "2d"): {
    getImageData(x: number, y: number, width: number, height: number): { data: ArrayLike<number> };
  };
};

/** The colours of points of the canvas, as 0xRRGGBB. */
async function coloursAt(points: readonly [x: number, y: number][]): Promise<number[]> {
  return canvas().evaluate((element, wanted) => {
    const context = (element as unknown as Canvas).getContext("2d");
    return wanted.map(([x, y]) => {
      const { data } = context.getImageData(x, y, 1, 1);
      return ((data[0] ?? 0) << 16) | ((data[1] ?? 0) << 8) | (data[2] ?? 0);
    });
  }, points);
}

const frame = async () => (await coloursAt([[0, 0]]))[0];
/** What happens in a window that may just be loading. */
const patient = { timeout: 60_000 };

/** A new connection: no key has been pressed on it. */
async function showsBars(): Promise<void> {
  await canvas().waitFor(patient);
  const bars = BARS.map((_, at): [number, number] => [40 + at * 80, 200]);
  // Looked at together: the canvas of the connection before may be there until the first look.
  await expect.poll(() => coloursAt([[0, 0], ...bars]), patient).toEqual([FRAMES[0], ...BARS]);
}

test("the screen of a guest without SSH is opened from its row, and painted", async () => {
  await workbench.press(workbench.row("win"), "Open Graphical Console");
  await showsBars();
  await page().getByText("Keys go to the guest.").waitFor();
  const box = await canvas().boundingBox();
  expect(box?.width).not.toBe(640); // It is scaled to fit.
  await workbench.screenshot("display");
});

test("keys and the pointer arrive; Ctrl+Alt+G gives the keyboard back, and no key stays down", async () => {
  await canvas().click({ position: { x: 100, y: 100 } });
  await workbench.page.keyboard.press("a");
  await workbench.page.keyboard.press("Tab");
  await expect.poll(told, patient).toContain("key 0xff09 up");
  expect(await told()).toMatch(/key 0x61 down\nkey 0x61 up\nkey 0xff09 down/);
  expect(await told()).toMatch(/pointer \d+,\d+ 1\npointer \d+,\d+ 0/);
  await expect.poll(frame, patient).toBe(FRAMES[2]);
  await workbench.page.keyboard.press("Control+Alt+g");
  await page().getByText("Click into the screen to type.").waitFor();
  await expect.poll(told, patient).toMatch(/key 0xffe3 up/);
  expect(await told()).toMatch(/key 0xffe9 up/);
  expect(await told()).not.toContain("key 0x67 ");
});

test("Ctrl+Alt+Del and other chords are sent from the toolbar", async () => {
  await button("Ctrl+Alt+Del").click();
  await expect
    .poll(told, patient)
    .toContain(
      "key 0xffe3 down\nkey 0xffe9 down\nkey 0xffff down\nkey 0xffff up\nkey 0xffe9 up\nkey 0xffe3 up",
    );
  await page().getByLabel("Keys that this computer keeps").selectOption("Ctrl+Alt+F2");
  await expect
    .poll(told, patient)
    .toContain("key 0xffe9 down\nkey 0xffbf down\nkey 0xffbf up\nkey 0xffe9 up");
  await button("Release Keyboard").click();
});

test("its size follows what is chosen: a pixel is a pixel, or the guest takes the panel's", async () => {
  const size = page().getByLabel("Size of the screen");
  await size.selectOption("Actual Size");
  await expect.poll(async () => (await canvas().boundingBox())?.width, patient).toBe(640);
  await workbench.screenshot("display-actual");
  await size.selectOption("Resize the Guest");
  await expect.poll(told, patient).toMatch(/size \d+x\d+/);
  const [, width] = /size (\d+)x\d+\n(?!.*size)/s.exec(await told()) ?? [];
  await expect.poll(() => canvas().getAttribute("width"), patient).toBe(width);
  await expect.poll(frame, patient).not.toBe(0);
  await workbench.screenshot("display-resized");
});

test("view only keeps keys from the guest", async () => {
  await page().getByLabel("View Only").check();
  await page().getByText("View only: neither keys").waitFor();
  const before = await told();
  await canvas().click();
  await workbench.page.keyboard.press("z");
  await button("Ctrl+Alt+Del").click();
  await page().getByLabel("View Only").uncheck();
  await canvas().click();
  await workbench.page.keyboard.press("y");
  await expect.poll(told, patient).toContain("key 0x79 up");
  expect((await told()).slice(before.length)).not.toMatch(/key 0x(7a|ffff) /);
});

test("a screenshot is saved as a PNG, named after the instance", async () => {
  await button("Screenshot…").click();
  const input = workbench.page.locator(".quick-input-widget:visible input[type=text]");
  await expect.poll(() => input.inputValue(), patient).toMatch(/\/win-\d{4}-\d\d-\d\d-\d{6}\.png$/);
  const file = path.join(workbench.folder, "screen.png");
  await input.fill(file);
  await workbench.page.keyboard.press("Enter");
  await expect.poll(() => readFile(file).catch(() => Buffer.alloc(0)), patient).not.toHaveLength(0);
  const png = await readFile(file);
  expect(png.subarray(1, 4).toString("latin1")).toBe("PNG");
  expect(String(png.readUInt32BE(16))).toBe(await canvas().getAttribute("width"));
});

test("after the window was reloaded it is there again", async () => {
  await page().getByLabel("Size of the screen").selectOption("Scale to Fit");
  await command("Developer: Reload Window"); // A reload of the page itself would not let it save its state.
  await showsBars();
  expect(await page().getByLabel("Size of the screen").inputValue()).toBe("fit");
});

test("behind another editor it costs nothing, and comes back", async () => {
  await command("File: New Untitled Text File");
  await workbench.command("View: Close Editor");
  await showsBars();
});

test("a stopped instance says so, and its screen comes when it is started from there", async () => {
  await workbench.berth.ok(["stop", "--force", "win"]);
  await page().getByRole("heading", { name: "win is not running." }).waitFor();
  await workbench.screenshot("display-stopped");
  await button("Start").click();
  await showsBars();
});

test("from the palette, and connected anew; an instance that is no more is said to be so", async () => {
  await command("View: Close All Editors");
  await workbench.berth.ok(["launch", "--name", "web"]);
  await workbench.command("Berth: Open Graphical Console");
  await showsBars();
  await button("Reconnect").click();
  await showsBars();
  await workbench.berth.ok(["delete", "--purge", "win"]);
  await page().getByRole("heading", { name: "win is no more." }).waitFor();
  await workbench.command("View: Close All Editors");
});

test("in the light theme it is as readable", async () => {
  await workbench.berth.ok(["launch", "--guest", "other", "--name", "bsd"]);
  await workbench.setTheme("Default Light Modern");
  await workbench.press(workbench.row("bsd"), "Open Graphical Console");
  await showsBars();
  await workbench.screenshot("display-light");
});
