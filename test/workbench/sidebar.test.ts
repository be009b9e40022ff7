/**
 * Every view and command of the sidebar, in a real workbench, against the engine over a driver without guests: what is
 * driven here is the views. `first-light.test.ts` has a real guest.
 */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundleCli } from "../support/cli-bundle.ts";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { PALETTE_MS, Workbench } from "../support/workbench.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let workbench: Workbench;

const entry = { remote: "release", arch: "x86_64", version: "20261015", supported: true, cached: false };
const ENTRIES = [
  { ...entry, reference: "24.04", aliases: ["noble", "lts"], os: "Ubuntu", release: "24.04 LTS" },
  { ...entry, reference: "22.04", aliases: ["jammy"], os: "Ubuntu", release: "22.04 LTS" },
  { ...entry, reference: "debian", aliases: ["bookworm"], os: "Debian", release: "12", remote: "" },
].map((one) => ({ ...one, sizeBytes: 600 * 2 ** 20 }));

beforeAll(async () => {
  bundle = await bundleCli();
  workbench = await Workbench.start({
    cli: bundle.cli,
    env: { BERTH_FAKE_IMAGES: JSON.stringify(ENTRIES), BERTH_FAKE_NO_KEYCHAIN: "1" },
  });
  const { berth } = workbench;
  await berth.ok(["launch", "24.04", "--name", "web", "--label", "env=test"]);
  await berth.ok(["launch", "24.04", "--name", "db", "--label", "env=live"]);
  await berth.ok(["launch", "22.04", "--name", "cache"]);
  await berth.ok(["launch", "22.04", "--name", "old"]);
  await berth.ok(["stop", "db"]);
  await berth.ok(["snapshot", "db", "--name", "fresh", "--comment", "as it was installed"]);
  await berth.ok(["snapshot", "db", "--name", "patched"]);
  await berth.ok(["delete", "old"]);
  await workbench.openView();
  await workbench.row("web").waitFor();
});
afterAll(async () => {
  await workbench?.close();
  await bundle?.dispose();
});

takeFailurePictures("sidebar", () => workbench);

type Facts = { name: string; state: string; berth: { labels: Record<string, string> } };

async function fact(name: string): Promise<Facts | undefined> {
  const { list } = (await workbench.berth.json(["list"])) as { list: Facts[] };
  return list.find((one) => one.name === name);
}

function until<T>(read: () => Promise<T>) {
  return expect.poll(read, { timeout: 20_000 });
}

/** Runs a command that asks for an instance, and picks this one. */
function on(title: string, instance: string): Promise<void> {
  return workbench.commandOn(`Berth: ${title}`, instance);
}

/** The row of an instance whose text tells this. */
function telling(name: string, text: string | RegExp) {
  return workbench.row(name).filter({ hasText: text });
}

const row = (name: string | RegExp) =>
  workbench.page.locator(".part.sidebar").getByRole("treeitem", { name });

test("snapshots hang under their instance as a tree, with where it stands", async () => {
  await workbench.unfoldRow("db", row(/^snapshot fresh/));
  await row(/^snapshot patched, current/).waitFor();
  await workbench.screenshot("sidebar-snapshots-dark");
});

test("a snapshot is taken, renamed, commented, restored and deleted", async () => {
  await on("Take Snapshot…", "db");
  await workbench.enter("Leave it empty", "third");
  await workbench.enter("What it is for", "before the upgrade");
  await row(/^snapshot third, current.*before the upgrade/).waitFor();

  await on("Rename Snapshot…", "db");
  await workbench.pick("third");
  await workbench.enter("Rename third", "3rd");
  await workbench.page.getByText("begin with a letter").first().waitFor();
  await workbench.enter("Rename third", "last");
  await row(/^snapshot last/).waitFor();

  await on("Comment Snapshot…", "db");
  await workbench.pick("last");
  await workbench.enter("Comment of last", "kept");
  await row(/^snapshot last, current.*kept/).waitFor();

  await on("Restore Snapshot…", "db");
  await workbench.pick("fresh");
  await workbench.page.locator(".monaco-dialog-box").waitFor();
  await workbench.screenshot("sidebar-restore-question");
  await workbench.answer("Restore Only");
  await row(/^snapshot fresh, current/).waitFor();

  await on("Delete Snapshot…", "db");
  await workbench.pick("patched");
  await workbench.page.locator(".monaco-dialog-box", { hasText: "last will stand on fresh" }).waitFor();
  await workbench.answer("Delete for Good");
  await row(/^snapshot patched/).waitFor({ state: "detached" });
  expect(await workbench.berth.ok(["list", "--snapshots"])).toMatch(/last\s+fresh/);
});

test("instances are grouped, and the choice is remembered in the settings", async () => {
  await workbench.command("Berth: Group Instances By…");
  await workbench.screenshot("sidebar-group-by");
  await workbench.pick("State");
  await row(/^Running, 2 instances/).waitFor();
  await row(/^Stopped, 1 instance/).waitFor();
  await workbench.screenshot("sidebar-grouped-dark");
  await on("Stop", "cache");
  await row(/^Stopped, 2 instances/).waitFor();
  await workbench.commandOn("Berth: Group Instances By…", "env");
  await row(/^env: test/).waitFor();
  await row(/^Without env/).waitFor();
  await workbench.commandOn("Berth: Group Instances By…", "Nothing");
  await row(/^env: test/).waitFor({ state: "detached" });
});

test("a filter shows what matches, says so, and is cleared", async () => {
  await workbench.command("Berth: Filter Instances…");
  await workbench.fill("web");
  await workbench.row("db").waitFor({ state: "detached" });
  await workbench.page.keyboard.press("Enter");
  await workbench.page.getByText("1 of 3 match “web”").waitFor();
  await workbench.screenshot("sidebar-filtered");
  await workbench.command("Berth: Clear Filter");
  await workbench.row("db").waitFor();
});

test("power: suspend, start, start without memory, restart, stop later and not, force stop", async () => {
  await on("Suspend", "web");
  await telling("web", "suspended").waitFor();
  await on("Start Without Its Memory", "web");
  await workbench.answer("Start Without Memory");
  await telling("web", /10\.\d+\.\d+\.\d+/).waitFor();
  await on("Restart", "web");
  await telling("web", /10\.\d+\.\d+\.\d+/).waitFor();
  await on("Stop Later…", "web");
  await workbench.enter("Stop Later", "soon");
  await workbench.page.getByText("Write a time such as").first().waitFor();
  await workbench.enter("Stop Later", "2h");
  await telling("web", "stops at").waitFor();
  await on("Cancel Delayed Stop", "web");
  await telling("web", "stops at").waitFor({ state: "detached" });
  await on("Force Stop", "web");
  await workbench.answer("Force Stop");
  await until(async () => (await fact("web"))?.state).toBe("Stopped");
  await on("Start", "web");
  await telling("web", /10\.\d+\.\d+\.\d+/).waitFor();
});

test("several at once: one question, one progress", async () => {
  await workbench.row("cache").click();
  await workbench.row("web").click({ modifiers: ["ControlOrMeta"] });
  await workbench.page.keyboard.press("Delete");
  await workbench.page.locator(".monaco-dialog-box", { hasText: "Delete cache and web?" }).waitFor();
  await workbench.screenshot("sidebar-bulk-question");
  await workbench.answer("Move to Trash");
  await workbench.row("web").waitFor({ state: "detached" });
  await on("Recover", "web");
  await on("Recover", "cache");
  await on("Start", "web");
  await telling("web", /10\.\d+\.\d+\.\d+/).waitFor();
});

test("what an instance is can be changed: name, size, labels, autostart, disks; and it is cloned", async () => {
  await on("Rename…", "cache");
  await workbench.enter("Rename cache", "web");
  await workbench.page.getByText("exists already").first().waitFor();
  await workbench.enter("Rename cache", "store");
  await workbench.row("store").waitFor();

  await on("Change Size…", "store");
  await workbench.enter("(1/3)", "2");
  await workbench.enter("(2/3)", "2 GiB");
  await workbench.enter("(3/3)", "1 GiB");
  await workbench.page.getByText("now, and can only grow").first().waitFor();
  await workbench.enter("(3/3)", "8 GiB");
  await telling("store", "2 cpus · 2 GiB").waitFor();

  await on("Edit Labels…", "store");
  await workbench.enter("Labels of store", "env=live,spare");
  await until(async () => (await fact("store"))?.berth.labels).toEqual({ env: "live", spare: "" });

  await on("Start Automatically…", "store");
  await workbench.screenshot("sidebar-autostart");
  await workbench.pick("When This Host Has Started");
  await until(() => workbench.berth.ok(["get", "local.store.autostart"])).toBe("on\n");

  await on("Add Disk…", "store");
  await workbench.enter("Add a Disk", "1 GiB");
  await until(() => workbench.berth.ok(["disk", "list", "store"])).toContain("disk1");
  await on("Remove Disk…", "store");
  await workbench.pick("disk1");
  await until(() => workbench.berth.ok(["disk", "list", "store"])).toContain("removed");

  await on("Clone…", "store");
  await workbench.enter("Clone store", "copy");
  await workbench.row("copy").waitFor();
});

test("what an instance shares: a folder, a port", async () => {
  await on("Mount Folder…", "store");
  await workbench.page.getByRole("button", { name: "Mount", exact: true }).click();
  await workbench.enter("Where in store", "src");
  await until(() => workbench.berth.ok(["info", "store"])).toContain("src");
  await on("Unmount Folder…", "store");
  await workbench.pick("src");
  await until(() => workbench.berth.ok(["info", "store"])).not.toContain("src");

  await on("Forward Port…", "store");
  await workbench.enter("Forward a Port", "99999");
  await workbench.page.getByText("Write a port such as").first().waitFor();
  await workbench.enter("Forward a Port", "18080:80");
  await until(() => workbench.berth.ok(["port", "list", "store"])).toContain("18080");
  await on("Stop Forwarding Port…", "store");
  await workbench.pick("18080");
  await until(() => workbench.berth.ok(["port", "list", "store"])).not.toContain("18080");
});

test("files are copied into an instance: chosen, or dropped on its row", async () => {
  const file = path.join(workbench.folder, "hello.txt");
  await writeFile(file, "hello");
  // The guests of this engine are processes of this host that begin in a directory of their own.
  const copy = path.join(workbench.berth.home, "guests", "web", "hello.txt");
  await on("Copy Files to Instance…", "web");
  // The dialog types where it begins by itself, once it has listed what is there.
  await workbench.page.locator(".quick-input-list .monaco-list-row", { hasText: "hello.txt" }).waitFor();
  await workbench.enter("Copy Files to web", file);
  await until(() => readFile(copy, "utf8").catch(() => "")).toBe("hello");
  await workbench.dropFile(workbench.row("web"), { name: "dropped.txt", text: "dropped" });
  const dropped = path.join(workbench.berth.home, "guests", "web", "dropped.txt");
  await until(() => readFile(dropped, "utf8").catch(() => "")).toBe("dropped");
});

test("looking: logs, the SSH command, the address, a command in a terminal", async () => {
  await on("Show cloud-init Log", "web");
  await workbench.page.getByText("Cloud-init finished").waitFor();
  await on("Show Log", "web");
  await workbench.pick("Driver");
  await workbench.page.locator(".tab", { hasText: "web.driver.log" }).waitFor();
  await on("Copy SSH Command", "web");
  await workbench.page.getByText("SSH command copied.").waitFor();
  await on("Copy Address", "web");
  await workbench.page.getByText(/Address 10\.[\d.]+ copied\./).waitFor();
  await on("Run Command…", "web");
  await workbench.enter("Run a command in web", "uname -a");
  await workbench.page.locator(".terminal-wrapper.active").waitFor();
  await workbench.command("View: Close All Editors");
  await workbench.command("Terminal: Kill All Terminals");
});

test("a disabled zone is told on the row, with the way out", async () => {
  await workbench.berth.ok(["disable-zones", "--all", "--force"]);
  await telling("db", "is disabled").waitFor();
  await workbench.screenshot("sidebar-zone-disabled");
  // The copy is in the zone of one of the others.
  for (const name of ["web", "db", "store"]) {
    await on("Enable Its Zone", name);
    await telling(name, "is disabled").waitFor({ state: "detached" });
  }
  await until(() => workbench.berth.ok(["zones"])).not.toMatch(/unavailable/i);
  await telling("web", /10\.\d+\.\d+\.\d+/).waitFor();
});

test("images: what is here, what there is; pull, launch of one, remove, prune", async () => {
  await workbench.unfold("Instances", false); // A row that is out of sight is not there.
  await workbench.unfold("Images");
  await row(/^On This Host/).waitFor();
  await row(/used by/)
    .first()
    .waitFor();
  await row(/^Available/).click();
  await row(/^Popular/).click();
  await row(/^Ubuntu 24\.04/)
    .last()
    .waitFor();
  await workbench.screenshot("sidebar-images-dark");

  await workbench.commandOn("Berth: Pull Image…", "Debian 12");
  await until(() => workbench.berth.ok(["image", "list"])).toContain("debian");
  await row(/unused/)
    .first()
    .waitFor();
  await workbench.again(async () => {
    await row(/unused/)
      .first()
      .hover();
    await row(/unused/)
      .first()
      .getByRole("button", { name: "Launch Instance of Image…" })
      .click();
    await workbench.atStep("(2/4)", PALETTE_MS);
  });
  await workbench.page.keyboard.press("Escape");
  await workbench.command("Berth: Remove Image");
  await workbench.page.locator(".quick-input-list .monaco-list-row").first().click();
  await workbench.page.keyboard.press("Enter");
  await workbench.answer("Remove");
  await row(/unused/).waitFor({ state: "detached" });
  await workbench.berth.ok(["image", "pull", "debian"]);
  await workbench.command("Berth: Refresh Images");
  await row(/unused/)
    .first()
    .waitFor();
  await workbench.command("Berth: Remove Unused Images");
  await workbench.answer("Remove");
  await row(/unused/).waitFor({ state: "detached" });
});

test("what stands on its own: the primary instance, the trash, the engine, the command line", async () => {
  await workbench.unfold("Images", false);
  await workbench.unfold("Instances");
  await workbench.command("Berth: Empty Trash");
  await workbench.page.locator(".monaco-dialog-box", { hasText: "Remove old for good?" }).waitFor();
  await workbench.answer("Remove for Good");
  await workbench.row("Trash").waitFor({ state: "detached" });
  await workbench.command("Berth: Launch Primary Instance");
  await telling("primary", /10\.\d+\.\d+\.\d+/).waitFor();
  await workbench.command("Berth: Reconnect");
  await workbench.command("Berth: Show Engine Log");
  await workbench.page.locator(".tab", { hasText: "engine.log" }).waitFor();
  await workbench.command("Berth: Install `berth` Command in PATH");
  await workbench.notification(/berth/).first().waitFor();
  await workbench.command("Notifications: Clear All Notifications");
});

test("the key of encrypted instances is made, locked and unlocked, and a start that needs it says so", async () => {
  await workbench.command("Berth: Unlock Encryption Key…");
  await workbench.enter("a passphrase shall protect it", "correct horse");
  await workbench.enter("once more", "correct horse");
  await workbench
    .notification(/Remember the passphrase/)
    .first()
    .waitFor();
  await workbench.command("Notifications: Clear All Notifications");
  await expect.poll(async () => keyState(), { timeout: 20_000 }).toBe("unlocked");
  await workbench.command("Berth: Launch…");
  await workbench.pick("22.04");
  await workbench.enter("What is it called?", "vault");
  await workbench.pick("Encrypt It");
  await workbench.page.locator(".quick-input-list .codicon-lock").waitFor();
  await workbench.screenshot("sidebar-wizard-encrypted");
  await workbench.pick("Small");
  await workbench.pick("None");
  await telling("vault", "encrypted").waitFor();
  await workbench.berth.ok(["stop", "vault"]);
  await on("Change Encryption Key", "vault");
  await until(() => workbench.berth.ok(["operations"])).toMatch(/rotate-key +vault +succeeded/);
  await workbench.berth.ok(["keys", "lock"]);
  await on("Start", "vault");
  await workbench
    .notification(/is locked/)
    .getByRole("button", { name: "Unlock Encryption Key" })
    .click();
  await workbench.enter("that protects the key", "wrong horse");
  await workbench.enter("It is another passphrase", "correct horse");
  await expect.poll(async () => keyState(), { timeout: 20_000 }).toBe("unlocked");
  await workbench.command("Notifications: Clear All Notifications");
  await on("Start", "vault");
  await until(async () => (await fact("vault"))?.state).toBe("Running");
  await workbench.berth.ok(["delete", "--purge", "vault"]);
});

const keyState = async () => ((await workbench.berth.json(["keys", "status"])) as { state: string }).state;

test("operations: what runs can be cancelled, what failed tells why, what ended is cleared", async () => {
  await workbench.unfold("Instances", false);
  await workbench.unfold("Operations");
  await row(/^Launch primary/).waitFor();
  const launching = workbench.berth.run(["launch", "24.04", "--name", "never-ready"]);
  await row(/^Launch never-ready, /).waitFor();
  await workbench.screenshot("sidebar-operations-dark");
  await workbench.press(row(/^Launch never-ready/), "Cancel");
  await row(/^Launch never-ready, cancelled/).waitFor();
  await launching;

  const again = workbench.berth.run(["launch", "24.04", "--name", "never-ready"]);
  await row(/^Launch never-ready, (?!cancelled)/).waitFor();
  await on("Cancel Operation", "never-ready");
  await again;

  await workbench.berth.run(["launch", "nonesuch", "--name", "bad"]);
  await row(/^Launch bad, .*nonesuch/)
    .first()
    .click();
  await workbench.page.locator(".monaco-dialog-box", { hasText: "nonesuch" }).waitFor();
  await workbench.screenshot("sidebar-operation-failed");
  await workbench.answer("Copy");
  await row(/^Launch bad/)
    .first()
    .click({ button: "right" });
  await workbench.page.getByRole("menuitem", { name: "Show Details" }).waitFor();
  await workbench.page.getByRole("menuitem", { name: "Copy Error" }).hover();
  await workbench.page.keyboard.press("Enter");
  await workbench.page.getByText("Error copied.").waitFor();
  await workbench.command("Berth: Clear Ended Operations");
  await row(/^Launch primary/).waitFor({ state: "detached" });
  await workbench.page.getByText("Nothing is being done.").waitFor();
  await workbench.unfold("Operations", false);
  await workbench.unfold("Instances");
});

test("the same in light", async () => {
  await workbench.setTheme("Default Light Modern");
  await workbench.unfold("Instances");
  await workbench.unfold("Ports");
  await workbench.unfold("Images");
  await workbench.unfold("Operations");
  await row(/^On This Host/).waitFor();
  await workbench.row("web").first().hover();
  await workbench.screenshot("sidebar-light");
  await workbench.row("web").first().click({ button: "right" });
  await workbench.page.getByRole("menuitem", { name: "Suspend" }).waitFor();
  await workbench.screenshot("sidebar-menu-light");
  await workbench.page.keyboard.press("Escape");
});
