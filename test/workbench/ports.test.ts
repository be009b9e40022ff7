/** Ports in a real workbench: the view, and what is told and forwarded of new ones. Guests are processes of this computer. */
import { once } from "node:events";
import { readdir, readFile, readlink } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundleCli } from "../support/cli-bundle.ts";
import { takeFailurePictures } from "../support/failure-pictures.ts";
import { type ListeningSocket, listening, socket } from "../support/listening.ts";
import { Workbench } from "../support/workbench.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let workbench: Workbench;

beforeAll(async () => {
  bundle = await bundleCli();
  workbench = await Workbench.start({ cli: bundle.cli });
  for (const name of ["web", "db"]) await workbench.berth.ok(["launch", "24.04", "--name", name]);
  await workbench.openView();
  await workbench.row("web").waitFor();
});
afterAll(async () => {
  await workbench?.close();
  await bundle?.dispose();
});

takeFailurePictures("ports", () => workbench);

const row = (name: string | RegExp) =>
  workbench.page.locator(".part.sidebar").getByRole("treeitem", { name });

function until<T>(read: () => Promise<T>) {
  return expect.poll(read, { timeout: 20_000 });
}

/** Runs a command that asks for an instance, and picks this one. */
const on = (title: string, instance: string) => workbench.commandOn(`Berth: ${title}`, instance);

const hear = (...sockets: ListeningSocket[]) => listening(workbench.berth, "web", ...sockets);

/** Processes that look for sockets in the guest. */
async function watchers(): Promise<string[]> {
  const guest = path.join(workbench.berth.home, "guests", "web");
  const looking = async (pid: string) => {
    const [directory, words] = await Promise.all([
      readlink(`/proc/${pid}/cwd`).catch(() => ""),
      readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""),
    ]);
    return directory === guest && words.includes("ip_local_port_range");
  };
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map(async (pid) => ((await looking(pid)) ? pid : undefined)));
  return found.flatMap((pid) => pid ?? []);
}

/** Server of the guest, which is this computer, on a port that was free. */
async function serving(): Promise<{ port: number; close: () => void }> {
  const server = createServer((_request, response) => response.end("hello from the guest"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}

test("ports: what listens in a guest is seen, forwarded, opened, shown to others, stopped; unseen, nothing is watched", async () => {
  const { port, close } = await serving();
  const site = socket(port, "node", "127.0.0.1");
  const api = socket(18_000, "\u001b[31mpython3\u202e");
  await hear(site, api);
  await workbench.unfold("Instances", false);
  await workbench.unfold("Ports");
  const detected = row(new RegExp(`^port ${port} of web, node, not forwarded`));
  await detected.waitFor();
  await row(/^port 18000 of web, python3<U\+202E>, not forwarded/).waitFor();
  await workbench.screenshot("sidebar-ports-detected-dark");

  await workbench.press(detected, "Forward Detected Port");
  const forwarded = row(new RegExp(`^127\\.0\\.0\\.1:\\d+ to port ${port} of web, node, open, through SSH`));
  await forwarded.waitFor();
  await detected.waitFor({ state: "detached" });
  const opened = workbench.page.context().waitForEvent("page");
  await workbench.press(forwarded, "Open in Browser");
  const page = await opened;
  const [, hostPort = ""] = /127\.0\.0\.1:(\d+)/.exec((await forwarded.textContent()) ?? "") ?? [];
  // This workbench lets no port through its own server; it names the one that it would.
  await page.waitForURL(new RegExp(`(/proxy/|127\\.0\\.0\\.1:)${hostPort}/`));
  await page.close();
  expect(await (await fetch(`http://127.0.0.1:${hostPort}/`)).text()).toBe("hello from the guest");

  await on("Forward Detected Port To…", "web");
  await workbench.pick("18000");
  await workbench.enter("Forward Port 18000 of web To", "0");
  await workbench.page.getByText("Write a port such as 8080, or").first().waitFor();
  await workbench.enter("Forward Port 18000 of web To", "0.0.0.0:18001");
  await workbench.page
    .locator(".monaco-dialog-box", { hasText: "Let other computers connect to web?" })
    .waitFor();
  await workbench.screenshot("sidebar-ports-wide-question");
  await workbench.answer("Let Others Connect");
  await row(/^0\.0\.0\.0:18001 to port 18000 of web, .*all addresses/).waitFor();
  await workbench.screenshot("sidebar-ports-dark");
  await on("Change Port Visibility…", "web");
  await workbench.pick("0.0.0.0:18001");
  await workbench.pick("This Host Only");
  const narrow = row(/^127\.0\.0\.1:18001 to port 18000 of web/);
  await narrow.waitFor();
  await on("Copy Forwarded Address", "web");
  await workbench.pick("127.0.0.1:18001");
  await workbench.page.getByText("Address 127.0.0.1:18001 copied.").waitFor();
  await narrow.click({ button: "right" });
  await workbench.page.getByRole("menuitem", { name: "Stop Forwarding" }).waitFor();
  await workbench.screenshot("sidebar-ports-menu-dark");
  await workbench.page.keyboard.press("Escape");
  for (const one of [narrow, forwarded]) {
    await workbench.press(one, "Stop Forwarding");
    await one.waitFor({ state: "detached" });
  }
  await detected.waitFor();
  await hear();
  await detected.waitFor({ state: "detached" });
  close();
  await until(watchers).toHaveLength(1);
  await workbench.unfold("Ports", false);
  await until(watchers).toEqual([]);
  await workbench.unfold("Instances");
});

test("who wants to be told of new ports is told, with the view folded too, and opens or forwards them from there", async () => {
  await hear(socket(17_000, "before"));
  await workbench.set({ "berth.ports.notify": true });
  await workbench.unfold("Ports");
  await row(/^port 17000 of web, before/).waitFor(); // What listens already is no news.
  await workbench.unfold("Ports", false);
  const api = socket(17_001, "\u001b[31mpython3\u202e");
  await hear(socket(17_000, "before"), api);
  const told = workbench.notification("python3<U+202E> listens on port 17001 of web.");
  await told.waitFor();
  await workbench.screenshot("ports-told-dark");
  await told.getByRole("button", { name: "Forward" }).click();
  await until(() => workbench.berth.ok(["port", "list", "web"])).toMatch(/17001/);

  const { port, close } = await serving();
  const opened = workbench.page.context().waitForEvent("page");
  await hear(api, socket(port, "node", "127.0.0.1"));
  await workbench
    .notification(`node listens on port ${port} of web.`)
    .getByRole("button", { name: "Open in Browser" })
    .click();
  await (await opened).close();
  await until(() => workbench.berth.ok(["port", "list", "web"])).toContain(String(port));
  close();
  expect(await workbench.notification(/17000/).count()).toBe(0);
});

test("where the settings say so, new ports are forwarded without a word", async () => {
  await workbench.set({ "berth.ports.notify": false, "berth.ports.autoForward": true });
  await workbench.unfold("Instances"); // With it Berth begins.
  await until(watchers).toHaveLength(1);
  await workbench.command("Notifications: Clear All Notifications");
  await hear(socket(17_002, "node"));
  await until(() => workbench.berth.ok(["port", "list", "web"])).toMatch(/17002/);
  expect(await workbench.notification(/17002/).count()).toBe(0);
  await workbench.set({ "berth.ports.autoForward": false });
  await until(watchers).toEqual([]);
});
