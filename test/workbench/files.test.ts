/** Files of an instance in a real workbench, over an engine whose guests are processes of this computer. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exists } from "../../src/base/durable.ts";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { startLocalEngine } from "../support/local-engine.ts";
import { Workbench } from "../support/workbench.ts";

let workbench: Workbench;
let engine: Awaited<ReturnType<typeof startLocalEngine>>;
const guest = (...names: string[]) => path.join(workbench.berth.home, "guests", "web", ...names);
const vscodeUri = (guestPath: string) => `berth://web${encodeURI(guestPath)}`;
const file = (name: string) => workbench.inExplorer(name);

async function refresh(): Promise<void> {
  await workbench.page.locator(".explorer-folders-view").hover();
  await workbench.page.getByRole("button", { name: "Refresh Explorer" }).click();
}

/** At the beginning of the file that is open. */
async function typeAndSave(text: string): Promise<void> {
  await workbench.page.locator(".editor-instance .monaco-editor").first().click();
  await workbench.page.keyboard.press("Control+Home");
  await workbench.page.keyboard.type(text);
  await workbench.page.keyboard.press("Control+S");
}

beforeAll(async () => {
  workbench = await Workbench.start();
  engine = await startLocalEngine(workbench.berth);
  await workbench.berth.ok(["launch", "--name", "web"]);
  await mkdir(guest("notes"));
  await writeFile(guest("notes", "hello.txt"), "hello from inside\n");
  await workbench.openView();
});
afterAll(async () => {
  await workbench?.close();
  await engine?.stop();
});

takeFailurePictures("files", () => workbench);

test("Browse Files adds the instance's home to the Explorer", async () => {
  await workbench.row("web").waitFor();
  await workbench.command("Berth: Browse Files");
  await workbench.secondFolder("web"); // A second folder begins the window anew.
  await workbench.unfoldFolder("web", "notes");
  await workbench.unfoldFolder("notes", "hello.txt");
  await file("hello.txt").dblclick();
  await workbench.page.getByText("hello from inside").waitFor();
  await workbench.screenshot("files-open");
});

test("what is typed is in the instance when it is saved", async () => {
  await typeAndSave("edited, ");
  await expect.poll(() => readFile(guest("notes", "hello.txt"), "utf8")).toBe("edited, hello from inside\n");
});

test("what changes inside is seen", async () => {
  await writeFile(guest("notes", "from-inside.txt"), "new\n");
  await file("from-inside.txt").waitFor();
});

test("files are dragged out of the instance and into it, byte for byte", async () => {
  const bytes = randomBytes(10 * 2 ** 20);
  await writeFile(guest("notes", "blob.bin"), bytes);
  await file("blob.bin").dragTo(file("project"));
  await workbench.answer("Move");
  const here = path.join(workbench.folder, "blob.bin");
  await expect.poll(() => exists(guest("notes", "blob.bin")), { timeout: 30_000 }).toBe(false);
  expect((await readFile(here)).equals(bytes)).toBe(true);
  await workbench.screenshot("files-dragged");
  await file("blob.bin").dragTo(file("notes"));
  await workbench.answer("Move");
  await expect.poll(() => exists(here), { timeout: 30_000 }).toBe(false);
  expect((await readFile(guest("notes", "blob.bin"))).equals(bytes)).toBe(true);
});

test("a folder of one instance is dropped on the row of another, and nothing there is lost", async () => {
  await workbench.berth.ok(["launch", "--name", "db"]);
  await workbench.openView();
  await workbench.row("db").waitFor();
  const notes = vscodeUri(guest("notes"));
  await workbench.dropUri(workbench.row("db"), notes);
  const copy = path.join(workbench.berth.home, "guests", "db", "notes", "hello.txt");
  await expect.poll(() => exists(copy), { timeout: 30_000 }).toBe(true);
  await workbench.page.getByText("notes copied to db").waitFor();
  expect(await readFile(copy, "utf8")).toBe("edited, hello from inside\n");
  await writeFile(copy, "db's own\n");
  await workbench.dropUri(workbench.row("db"), notes);
  await workbench.notification(/exists/).waitFor();
  await workbench.screenshot("files-dropped-twice");
  expect(await readFile(copy, "utf8")).toBe("db's own\n");
  await workbench.commandOn("Berth: Browse Files", "web");
});

test("a stopped instance's files are unavailable, and it is offered to start it", async () => {
  await workbench.berth.ok(["stop", "web"]);
  await refresh();
  await workbench.notification(/web is not running, so its files cannot be seen/).waitFor();
  await workbench.screenshot("files-stopped");
  await workbench
    .notification(/web is not running, so its files/)
    .getByRole("button", { name: "Start" })
    .click();
  await file("hello.txt").waitFor();
  await workbench.screenshot("files-again");
});

test("a renamed instance keeps its open folder, and a deleted one's says that it is gone", async () => {
  await workbench.berth.ok(["rename", "web", "site"]);
  await typeAndSave("kept, ");
  const text = () => readFile(guest("notes", "hello.txt"), "utf8");
  await expect.poll(text).toBe("kept, edited, hello from inside\n");
  await workbench.berth.ok(["delete", "site"]);
  await refresh();
  await file("hello.txt").waitFor({ state: "detached" });
  await workbench.screenshot("files-deleted");
  await workbench.page.locator('.explorer-folders-view [aria-label*="There is no instance web"]').waitFor();
});
