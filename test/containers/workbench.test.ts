/** Containers of a real Docker from the sidebar of a real workbench: an application and a machine, from launch to removal. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { FrameLocator, Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadImage, makeImage } from "../support/container-image.ts";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { freePort } from "../support/free-port.ts";
import { type Runtimes, startRuntimes } from "../support/runtimes.ts";
import { Workbench } from "../support/workbench.ts";

/** Serves what is where it begins, and says so. */
const SERVE = "trap 'exit 0' TERM; echo serving; httpd -f -p 80 & wait $!";
const WEB = "localhost/berth-web:1";
const BOX = "localhost/berth-box:1";
const SOON = { timeout: 60_000 };

let runtimes: Runtimes;
let workbench: Workbench;
let port: number;

beforeAll(async () => {
  runtimes = await startRuntimes();
  const { api } = runtimes.docker;
  await loadImage(api, await makeImage({ command: ["sh", "-c", SERVE], exposedPorts: [80] }), WEB);
  await loadImage(api, await makeImage({ extraLayers: [1] }), BOX);
  const { address } = api.endpoint;
  const socket = "socketPath" in address ? address.socketPath : "";
  workbench = await Workbench.start({ env: { DOCKER_HOST: `unix://${socket}` } });
  port = await freePort();
  await workbench.openView();
});
afterAll(async () => {
  await workbench?.berth.run(["delete", "--purge", "--all"]);
  await workbench?.close();
  await runtimes?.stop();
});

takeFailurePictures("docker", () => workbench);

const telling = (name: string, text: string | RegExp): Locator =>
  workbench.row(name).filter({ hasText: text });
const row = (name: RegExp): Locator =>
  workbench.page.locator(".part.sidebar").getByRole("treeitem", { name });
const page = (): FrameLocator =>
  workbench.page.frameLocator('iframe.webview[src*="extensionId=berth.berth"]').frameLocator("#active-frame");
const on = (title: string, name: string) => workbench.commandOn(`Berth: ${title}`, name);
/** What a command in it prints; its error where it fails. */
const inside = async (name: string, command: string) => {
  const { stdout, stderr } = await workbench.berth.run(["exec", name, "--", "sh", "-c", command]);
  return stdout + stderr;
};
const running = (name: string) => telling(name, / · Docker · \d+\.\d+\.\d+\.\d+/).waitFor();
const stopped = (name: string) => row(new RegExp(`^${name}, stopped`)).waitFor();

describe.each([
  { name: "web", twin: "mirror", image: WEB, shape: "Application", ports: () => `${port}:80` },
  { name: "box", twin: "spare", image: BOX, shape: "Machine", ports: () => "" },
])("$name", ({ name, twin, image, shape, ports }) => {
  test("is launched by the wizard", async () => {
    await workbench.command("Berth: Launch…");
    await workbench.pick("Container…");
    await workbench.enter("Which image?", image);
    await workbench.enter("What is it called?", name);
    await workbench.enter("Which of its ports", ports());
    await running(name);
  });

  test("has a shell and a panel with figures", async () => {
    await on("Attach Shell", name);
    await workbench.terminal(`echo in-$((40 + 2)) as $(whoami)`, /in-42 as root/);
    await on("Show Details", name);
    await page().getByRole("heading", { name }).waitFor();
    await page().getByText(shape, { exact: true }).waitFor();
    await page()
      .getByRole("img", { name: /^CPU: \d+ %/ })
      .waitFor();
    await page()
      .getByRole("img", { name: /^Memory: [\d.]+ [KMG]iB of/ })
      .waitFor();
    await workbench.screenshot(`docker-${name}`);
    await workbench.command("View: Close All Editors");
    await workbench.command("Terminal: Kill All Terminals");
  });

  test("is given a file, and keeps it through a snapshot, a clone and a restore", async () => {
    await workbench.dropFile(workbench.row(name), { name: "page.txt", text: "first" });
    await expect.poll(() => inside(name, "cat page.txt"), SOON).toBe("first");
    await on("Stop", name);
    await stopped(name);
    await on("Take Snapshot…", name);
    await workbench.enter("Leave it empty", "one");
    await workbench.enter("What it is for", "");
    await workbench.unfoldRow(name, row(/^snapshot one/));
    await on("Clone…", name);
    await workbench.enter(`Clone ${name}`, twin);
    await stopped(twin);

    await on("Start", name);
    await running(name);
    expect(await inside(name, "rm page.txt; cat page.txt")).toContain("No such file");
    await on("Stop", name);
    await stopped(name);
    await on("Restore Snapshot…", name);
    await workbench.pick("one");
    await workbench.answer("Restore Only");
    await row(/^snapshot one, current/).waitFor();
    for (const each of [name, twin]) {
      await on("Start", each);
      await running(each);
      expect(await inside(each, "cat page.txt")).toBe("first");
    }
    await workbench.screenshot(`docker-${name}-restored`);
  });
});

test("what an application serves is reached, and what it prints is seen", async () => {
  const fetched = async () => (await fetch(`http://127.0.0.1:${port}/page.txt`)).text();
  await expect.poll(fetched, SOON).toBe("first");
  await on("View Logs", "web");
  await workbench.terminalShows(/serving/);
  await workbench.command("Terminal: Kill All Terminals");
});

test("images are pulled from a registry into it, built in it, and told with who stands on them", async () => {
  const { host } = runtimes.registry;
  await workbench.berth.ok([
    "build",
    "-t",
    `${host}/team/app:1`,
    await contextOf("FROM scratch\nCOPY a /a\n"),
  ]);
  await workbench.berth.ok(["push", `${host}/team/app:1`]);
  await workbench.berth.ok(["images", "remove", `${host}/team/app:1`]);
  await workbench.unfold("Images");
  await row(/^Images of containers on Docker/).click();
  await row(/^localhost\/berth-web:1, .*used by web/).waitFor();
  await workbench.command("Berth: Pull Image…");
  await workbench.fill(`docker:${host}/team/app:1`);
  await workbench.pick(`Use “docker:${host}/team/app:1”`);
  await row(/team\/app:1, .*unused/).waitFor();
  await workbench.screenshot("docker-images");
  await workbench.unfold("Images", false);
});

test("deleted and purged, nothing of them is left", async () => {
  for (const name of ["web", "mirror", "box", "spare"]) {
    await on("Delete", name);
    await workbench.answer("Move to Trash");
    await on("Purge", name);
    await workbench.answer("Remove for Good");
    await expect.poll(() => workbench.berth.ok(["list"]), SOON).not.toMatch(new RegExp(`^${name} `, "m"));
  }
  const filters = JSON.stringify({ label: ["berth.instance"] });
  const signal = AbortSignal.timeout(30_000);
  const query = { all: "true", filters };
  const { api } = runtimes.docker;
  expect(await api.json({ signal }, "GET", "/containers/json", { query })).toEqual([]);
});

/** A directory with a build file in it, and a file to copy. */
async function contextOf(text: string): Promise<string> {
  await writeFile(path.join(workbench.folder, "Containerfile"), text);
  await writeFile(path.join(workbench.folder, "a"), "a");
  return workbench.folder;
}
