/**
 * `npm run bench:views`: what Berth costs inside VS Code, in a real workbench: how long activating it takes, how soon a
 * panel is there and a row is drawn anew, with 10 instances and with 1,000, what charts cost while they are seen and while
 * they are not, and the memory of the extension host. The engine is the real one over a driver without guests.
 * `BERTH_BENCH_INSTANCES` is the number of instances.
 */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "../src/client/connect.ts";
import type { EngineApi } from "../src/client/engine-client.ts";
import { startLocalEngine } from "../test/support/local-engine.ts";
import { Workbench } from "../test/support/workbench.ts";
import { cpuMs, residentMb, tree, writtenBytes } from "./processes.ts";
import { median, print, type Row, row, text } from "./support.ts";

const MANY = Number(process.env["BERTH_BENCH_INSTANCES"] ?? 1000);
const FEW = 10;
const RUNS = 3;
const EVENTS = 10;
/** A storm: this many changes, one after the other, this often. */
const STORM = { changes: 200, everyMs: 25 };
const CHARTS_MS = 20_000;
const CHART_RUNS = 3;
const SETTLE_MS = 5000;

/** The page's own classes are not known here: this script, and others, are texts. */
const RECORD_FRAMES = `(() => {
  const gaps = [];
  let last = performance.now();
  let goesOn = true;
  const next = (now) => {
    gaps.push(now - last);
    last = now;
    if (goesOn) requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
  window.berthFrames = () => { goesOn = false; return gaps; };
})()`;

const rows: Row[] = [];
const bare = await Workbench.start({ bare: true });
const without = await hostMemory(bare);
await bare.close();

const workbench = await Workbench.start();
const engine = await startLocalEngine(workbench.berth);
const client = await connect({ env: workbench.berth.env });
const { api } = client;
try {
  await workbench.openView();
  await benchActivation();
  await launch("a-probe", "charts");
  await api.instances.stop({ name: "a-probe" }).then((operation) => client.watchOperation(operation));
  await benchPanel();
  await benchCharts();
  await launchUpTo(FEW);
  const few = await benchTree(FEW);
  const begin = performance.now();
  await launchUpTo(MANY);
  console.log(`${MANY - FEW} instances launched in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  tell(few, await benchTree(MANY));
  tellMemory(`extension host, ${MANY} instances`, await hostMemory(workbench));
} catch (error) {
  await workbench.screenshot("bench-views-failed");
  throw error;
} finally {
  client.dispose();
  await workbench.close();
  await engine.stop();
  print(rows);
}
const file = path.join(import.meta.dirname, "results-views.json");
await writeFile(file, `${JSON.stringify(rows, null, 2)}\n`);

/** By the workbench's own account, beside the extension of Git that comes with it. */
async function benchActivation(): Promise<void> {
  const ours: number[] = [];
  const peer: number[] = [];
  const memory: number[] = [];
  for (let at = 0; at < RUNS; at += 1) {
    await workbench.page.reload();
    const welcome = workbench.welcome("Launch…");
    await welcome.waitFor({ timeout: 15_000 }).catch(() => workbench.activityBar().click());
    await welcome.waitFor();
    ours.push(await workbench.activationMs());
    peer.push(await workbench.activationMs("Git"));
    memory.push(...(await hostMemory(workbench, 1)));
  }
  await workbench.page.reload(); // The list of extensions lies above all else.
  await workbench.welcome("Launch…").waitFor();
  const ratio = median(ours) / median(peer);
  rows.push(row("activation", text(ours, "ms"), `Git's own ${text(peer, "ms")}`, ratio, "≤ 100 ms"));
  tellMemory("extension host, no instance", memory);
}

/** What the extension host keeps, some time after the window was loaded. */
async function hostMemory(of: Workbench, runs = 2): Promise<number[]> {
  const all: number[] = [];
  for (let at = 0; at < runs; at += 1) {
    if (at > 0) await of.page.reload();
    await delay(SETTLE_MS);
    all.push(await residentMb(await extensionHost(of)));
  }
  return all;
}

function tellMemory(what: string, ours: readonly number[]): void {
  const [own, peer] = [median(ours), median(without)];
  const value = `${own.toFixed(0)} MB (+${(own - peer).toFixed(0)})`;
  rows.push(row(what, value, `without Berth ${peer.toFixed(0)} MB`, own / peer, "≤ +30 MB"));
}

/** The youngest: the one of a window before its reload may be ending still. */
async function extensionHost(of: Workbench): Promise<number> {
  const hosts = (await tree(of.serverPid)).filter(({ command }) => command.includes("--type=extensionHost"));
  const pid = Math.max(...hosts.map((one) => one.pid));
  if (!Number.isFinite(pid)) throw new Error("the workbench has no extension host");
  return pid;
}

async function renderers(): Promise<number[]> {
  const all = await tree(process.pid);
  return all.filter(({ command }) => command.includes("--type=renderer")).map(({ pid }) => pid);
}

/** From the click on its name until the page's heading is there, beside a file in the workbench's own editor. */
async function benchPanel(): Promise<void> {
  const { page, folder } = workbench;
  const frame = (id: string) =>
    page.frameLocator(`iframe.webview[src*="extensionId=${id}"]`).frameLocator("#active-frame");
  const heading = frame("berth.berth").getByRole("heading", { name: "a-probe" });
  const ours: number[] = [];
  const peer: number[] = [];
  await writeFile(path.join(folder, "note.md"), "# A note\n");
  for (let at = -1; at < RUNS; at += 1) {
    await workbench.command("Berth: Show Details");
    const choice = page.locator(".quick-input-list .monaco-list-row", { hasText: "a-probe" }).first();
    await choice.waitFor();
    const own = await took(() => choice.click(), heading);
    await workbench.command("View: Close All Editors");
    await page.keyboard.press("F1");
    await workbench.fill("note.md"); // Without `>`, the palette looks for files.
    const found = page.locator(".quick-input-list .monaco-list-row", { hasText: "note.md" }).first();
    await found.waitFor();
    const other = await took(
      () => found.click(),
      page.locator(".monaco-editor .view-line", { hasText: "A note" }),
    );
    await workbench.command("View: Close All Editors");
    if (at < 0) continue; // The first of each loads what later ones have.
    ours.push(own);
    peer.push(other);
  }
  const ratio = median(ours) / median(peer);
  rows.push(row("a panel opens", text(ours, "ms"), `a text editor ${text(peer, "ms")}`, ratio, "≤ 300 ms"));
}

async function took(act: () => Promise<void>, until: { waitFor(): Promise<void> }): Promise<number> {
  const begin = performance.now();
  await act();
  await until.waitFor();
  return performance.now() - begin;
}

/**
 * Charts before one's eyes, another editor before them, no panel; in turns, since a window that has just been opened
 * tidies up for minutes. The workbench's own search for ports, through files of all processes, takes more than charts do.
 */
async function benchCharts(): Promise<void> {
  await workbench.set({ "remote.autoForwardPorts": false });
  await workbench.row("charts").waitFor();
  const { page } = workbench;
  const panel = page.frameLocator('iframe.webview[src*="extensionId=berth"]').frameLocator("#active-frame");
  const all = { seen: [] as Minute[], hidden: [] as Minute[], none: [] as Minute[] };
  for (let at = 0; at < CHART_RUNS; at += 1) {
    await workbench.commandOn("Berth: Show Details", "charts");
    await panel.getByRole("img", { name: /^CPU: \d+ %/ }).waitFor();
    all.seen.push(await minute());
    await workbench.command("File: New Untitled Text File");
    all.hidden.push(await minute());
    await workbench.command("View: Close All Editors");
    await workbench.command("File: New Untitled Text File"); // The same caret blinks.
    all.none.push(await minute());
    await workbench.command("View: Close All Editors");
  }
  const [seen, hidden, none] = [middle(all.seen), middle(all.hidden), middle(all.none)];
  const say = ({ host, engine, page, written }: Minute) =>
    `${host} + ${engine} + ${page} ms, ${(written / 1024).toFixed(0)} KiB told`;
  const cost = (one: Minute) => (one.host + one.engine + one.page) / (none.host + none.engine + none.page);
  const peer = `no panel ${say(none)}`;
  rows.push(row("charts seen: CPU a minute", say(seen), peer, cost(seen), "≤ 3 s"));
  rows.push(row("charts hidden: CPU a minute", say(hidden), peer, cost(hidden), "nothing told"));
}

type Minute = { host: number; engine: number; page: number; written: number };

function middle(all: readonly Minute[]): Minute {
  const of = (pick: (one: Minute) => number) => median(all.map(pick));
  return {
    host: of(({ host }) => host),
    engine: of(({ engine }) => engine),
    page: of(({ page }) => page),
    written: of(({ written }) => written),
  };
}

/** Processor time of the extension host, of the engine and of the pages; and what the engine told. */
async function minute(): Promise<Minute> {
  await delay(SETTLE_MS);
  const [host, pages] = [await extensionHost(workbench), await renderers()];
  const own = (await workbench.berth.enginePid()) ?? Number.NaN;
  const read = async () => [
    ...[await cpuMs([host]), await cpuMs([own]), await cpuMs(pages)],
    await writtenBytes(own),
  ];
  const before = await read();
  await delay(CHARTS_MS);
  const after = await read();
  const each = after.map((value, at) => Math.round(((value - (before[at] ?? 0)) * 60_000) / CHARTS_MS));
  const [a = 0, b = 0, c = 0, written = 0] = each;
  return { host: a, engine: b, page: c, written };
}

async function launch(...names: string[]): Promise<void> {
  await Promise.all(
    names.map(async (name) => client.watchOperation(await api.instances.launch({ name, image: "24.04" }))),
  );
}

async function launchUpTo(count: number): Promise<void> {
  const { items } = await api.instances.list();
  const names = Array.from({ length: count - items.length }, (_, at) => `box-${items.length + at}`);
  for (let at = 0; at < names.length; at += 16) await launch(...names.slice(at, at + 16));
}

type Tree = { drawn: number[]; host: number; engine: number; page: number; worstMs: number; frames: number };

/** Single changes, each until it can be seen; then a storm of them, in which the window must stay smooth. */
async function benchTree(count: number): Promise<Tree> {
  await workbench.row("a-probe").waitFor();
  await delay(SETTLE_MS);
  const drawn: number[] = [];
  for (let at = 0; at < EVENTS; at += 1) {
    drawn.push(await redraw("a-probe", 1 + ((at + 1) % 2)));
    await delay(700); // Each comes alone.
  }
  const [host, pages] = [await extensionHost(workbench), await renderers()];
  const own = (await workbench.berth.enginePid()) ?? Number.NaN;
  const read = async () => [await cpuMs([host]), await cpuMs([own]), await cpuMs(pages)];
  const before = await read();
  await workbench.page.evaluate(RECORD_FRAMES);
  const { items } = await api.instances.list();
  await storm(
    api,
    items.map(({ name }) => name),
  );
  await delay(1000);
  const gaps = (await workbench.page.evaluate("window.berthFrames()")) as number[];
  const after = await read();
  const [a = 0, b = 0, c = 0] = after.map((value, at) => value - (before[at] ?? 0));
  if (items.length !== count) throw new Error(`there are ${items.length} instances, not ${count}`);
  return { drawn, host: a, engine: b, page: c, worstMs: Math.max(...gaps), frames: gaps.length };
}

/** From the event that tells of another number of CPUs, as a client hears it, to the frame in which the row shows it. */
async function redraw(name: string, cpus: number): Promise<number> {
  const shown = workbench.page.evaluate(frameWith(`${name} ${cpus} cpu`)) as Promise<number>;
  const ended = new AbortController();
  let told = Number.NaN;
  const heard = (async () => {
    for await (const event of client.events(ended.signal)) {
      if (event.type === "resync") await api.instances.update({ name, cpus });
      if (event.type !== "instance" || event.instance.name !== name || event.instance.cpus !== cpus) continue;
      told = Date.now();
      return;
    }
  })();
  await heard;
  ended.abort();
  return (await shown) - told;
}

/** Labels of one instance after the other, in turns: each change is told with its operation. */
async function storm({ instances }: EngineApi, names: readonly string[]): Promise<void> {
  const begin = performance.now();
  for (let at = 0; at < STORM.changes; at += 1) {
    await instances.update({ name: names[at % names.length] ?? "", labels: { round: String(at) } });
    await delay(Math.max(0, begin + (at + 1) * STORM.everyMs - performance.now()));
  }
}

/** The page's own classes are not known here: the scripts are texts. */
function frameWith(words: string): string {
  const [name, cpus] = [words.split(" ")[0], words.split(" ").slice(1).join(" ")];
  return `new Promise((resolve) => {
    const look = () => {
      const rows = [...document.querySelectorAll('.part.sidebar [role="treeitem"]')];
      const row = rows.find((one) => one.getAttribute("aria-label")?.startsWith(${JSON.stringify(`${name},`)}));
      if (row?.textContent.includes(${JSON.stringify(cpus)})) resolve(Date.now());
      else requestAnimationFrame(look);
    };
    look();
  })`;
}

function tell(few: Tree, many: Tree): void {
  const ratio = (pick: (one: Tree) => number) => pick(many) / pick(few);
  const drawn = ratio((one) => median(one.drawn));
  rows.push(
    row(
      "an event until its row is drawn",
      text(many.drawn, "ms"),
      `${FEW}: ${text(few.drawn, "ms")}`,
      drawn,
      "≤ 500 ms",
    ),
  );
  const cost = (one: Tree) => `${one.host} + ${one.engine} + ${one.page} ms`;
  const spent = ratio((one) => one.host + one.engine + one.page);
  rows.push(row(`${STORM.changes} changes: CPU`, cost(many), `${FEW}: ${cost(few)}`, spent, "≤ 2"));
  const worst = (one: Tree) => `${one.worstMs.toFixed(0)} ms of ${one.frames}`;
  const frames = ratio((one) => one.worstMs);
  rows.push(row("longest frame meanwhile", worst(many), `${FEW}: ${worst(few)}`, frames, "≤ 100 ms"));
}
