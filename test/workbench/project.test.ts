/**
 * A workspace with a `berth.yaml`, in a real workbench, against the engine over a driver without guests: what it would
 * touch before it is trusted, the offer, up and down, how the instances differ, and the file in the editor.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { startLocalEngine } from "../support/local-engine.ts";
import { Workbench } from "../support/workbench.ts";

const FILE = `instances:
  db:
    memory: 1G
    ports: ["0.0.0.0:15432:5432"]
  web:
    depends-on: [db]
    ports: ["18080:80"]
    mounts: ["./site:/srv/site"]
`;

let workbench: Workbench;
let engine: Awaited<ReturnType<typeof startLocalEngine>>;
let file: string;

beforeAll(async () => {
  workbench = await Workbench.start({ files: { "berth.yaml": FILE }, untrusted: true });
  await mkdir(path.join(workbench.folder, "site"));
  engine = await startLocalEngine(workbench.berth);
  file = path.join(workbench.folder, "berth.yaml");
  await workbench.openView();
});
afterAll(async () => {
  await engine?.stop();
  await workbench?.close();
});

takeFailurePictures("project", () => workbench);

const project = () => workbench.page.getByRole("tree", { name: "Project" });
const row = (name: string | RegExp) => project().getByRole("treeitem", { name });

async function states(): Promise<Record<string, string>> {
  const { list } = (await workbench.berth.json(["list"])) as { list: { name: string; state: string }[] };
  return Object.fromEntries(list.map(({ name, state }) => [name, state]));
}

test("an untrusted workspace starts nothing, and tells what its file would touch", async () => {
  await workbench.unfold("Project");
  await row(/^Port 15432\/tcp, open to others at 0\.0\.0\.0, db/).waitFor();
  await row(/^Port 18080\/tcp of this computer, web/).waitFor();
  await row(`Folder ${path.join(".", "site")}, web`).waitFor();
  await workbench.page.getByText("Nothing is started in a workspace that is not trusted").first().waitFor();
  await workbench.screenshot("project-untrusted-dark");
  await expect.poll(() => workbench.notification("bring its instances up").count()).toBe(0);
  expect(await states()).toEqual({});
});

test("once it is trusted, its instances are offered to be brought up, and come up", async () => {
  await row("Manage Workspace Trust").click();
  await workbench.page
    .locator(".workspace-trust-editor")
    .getByRole("button", { name: /^Trust$/ })
    .click();
  const offer = workbench.notification("This workspace has a berth.yaml: bring its instances up?");
  await offer.waitFor();
  await row(/^web, not launched/).waitFor();
  await workbench.page.locator(".modal-editor-action-container .codicon-close").click();
  await workbench.page.locator(".workspace-trust-editor").waitFor({ state: "hidden" });
  await workbench.screenshot("project-offer-dark");
  await offer.getByRole("button", { name: "Up", exact: true }).click();
  await workbench.notification("Up: db and web.").waitFor();
  expect(await states()).toEqual({ db: "Running", web: "Running" });
  await row(/^web, running$/).waitFor();
  expect(await workbench.berth.ok(["info", "web"])).toContain("/srv/site");
});

test("a changed file shows how the instances differ, and Up makes them as it says", async () => {
  await writeFile(file, FILE.replace("memory: 1G", "memory: 2G"));
  await row(/^db, running, differs: memory 1 GiB, file says 2 GiB$/).waitFor();
  await workbench.screenshot("project-drift-dark");
  await workbench.command("Berth: Down");
  await row(/^db, stopped, differs/).waitFor();
  expect(await states()).toEqual({ db: "Stopped", web: "Stopped" });
  await row(/^db/).click();
  await workbench.command("Berth: Refresh Project");
  await workbench.command("Berth: Up");
  await row(/^db, running$/).waitFor();
  await row(/^web, running$/).waitFor();
  expect(await workbench.berth.json(["info", "db"])).toMatchObject({
    info: { db: { berth: { memoryBytes: 2 ** 31 } } },
  });
});

test("one instance is brought up from its row, with what it depends on", async () => {
  await workbench.berth.ok(["stop", "db", "web"]);
  await workbench.press(row(/^db, stopped$/), "Up");
  await row(/^db, running$/).waitFor();
  expect(await states()).toEqual({ db: "Running", web: "Stopped" });
});

test("the file is completed and explained while it is typed", async () => {
  await workbench.command("Berth: Open berth.yaml");
  const { page } = workbench;
  await page.locator(".editor-group-container.active .view-lines", { hasText: "depends-on" }).waitFor();
  await page.locator(".tab.active", { hasText: "berth.yaml" }).waitFor();
  await page.locator(".editor-actions").getByRole("button", { name: "Up" }).waitFor();
  await page.locator(".editor-group-container.active .view-lines").click();
  await page.keyboard.press("ControlOrMeta+End");
  await page.keyboard.type("    me");
  const offered = page.locator(".suggest-widget.visible .monaco-list-row");
  // What is offered by itself goes when the editor loses the focus; asked for, it comes again.
  const memoryIsOffered = async () => {
    if ((await offered.count()) === 0) await page.keyboard.press("ControlOrMeta+Space");
    return offered.filter({ hasText: "memory" }).isVisible();
  };
  await expect.poll(memoryIsOffered, { timeout: 30_000, interval: 1000 }).toBe(true);
  await workbench.screenshot("project-completion-dark");
  await page.keyboard.press("Enter");
  await offered.filter({ hasText: "2G" }).click();
  await page.keyboard.press("ControlOrMeta+s");
  await expect.poll(() => readFile(file, "utf8")).toMatch(/ {4}memory: 2G\s*$/);
  await page.keyboard.press("Home");
  await workbench.command("Show or Focus Hover");
  await page.locator(".monaco-hover", { hasText: "Memory of the guest" }).first().waitFor();
  await workbench.screenshot("project-hover-dark");
  await page.keyboard.press("Escape");
});

test("what is wrong stands in the Problems panel and in the view, with its place", async () => {
  await writeFile(file, `${FILE}  bad:\n    memory: 1CiG\n    depends: [db]\n`);
  await workbench.command("Problems: Focus on Problems View");
  const found = workbench.page.locator(".markers-panel .monaco-list-row");
  await found.filter({ hasText: /not a valid size.*Ln 10, Col 5/ }).waitFor();
  await found.filter({ hasText: /depends.*Ln 11, Col 5/ }).waitFor();
  await row(/^instances\.bad\.memory: not a valid size.*line 10, column 5/).waitFor();
  await workbench.screenshot("project-problems-dark");
  await workbench.command("Berth: Up");
  await workbench.notification(/line 10, column 5/).waitFor();
});

test("the walkthrough is opened by its command, with a picture for each step", async () => {
  const { page } = workbench;
  await page.setViewportSize({ width: 1700, height: 1000 }); // A narrow editor shows no pictures.
  await workbench.command("View: Close All Editors");
  await workbench.command("Berth: Get Started");
  const step = (title: string) => page.locator(".getting-started-step", { hasText: title });
  const frame = page.locator(".getting-started-media iframe").first().contentFrame();
  const picture = frame.locator("#active-frame").contentFrame().locator("svg");
  await step("Install QEMU").waitFor();
  await picture.waitFor();
  for (const title of ["Launch an instance", "Open a folder inside it", "Describe instances in a file"]) {
    await step(title).click();
    await page.locator(".getting-started-step.expanded", { hasText: title }).waitFor();
    await picture.waitFor();
  }
  await workbench.screenshot("walkthrough-dark");
});
