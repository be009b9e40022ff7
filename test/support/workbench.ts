/**
 * A real VS Code workbench (code-server) with the packaged extension, driven by a real browser. Everything it starts
 * has directories of its own and ends with `close`.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import { Berth } from "./berth.ts";
import { type ServerOptions, type Theme, WorkbenchServer, writeSettings } from "./workbench-server.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const RESULTS = path.join(ROOT, "test-results");
const VSIX = path.join(RESULTS, "berth.vsix");
const READY_MS = 60_000;
const ACTION_MS = 30_000;
const MENU_MS = 2_000;
/** How long a quick input may take to be there, before it is asked for again. */
export const PALETTE_MS = 10_000;
const ATTEMPTS = 4;

export class Workbench {
  readonly page: Page;
  readonly berth: Berth;
  readonly #browser: Browser;
  readonly #server: WorkbenchServer;

  private constructor(page: Page, browser: Browser, server: WorkbenchServer, berth: Berth) {
    this.page = page;
    this.#browser = browser;
    this.#server = server;
    this.berth = berth;
  }

  /** The folder that is open in it. */
  get folder(): string {
    return this.#server.folder;
  }

  /**
   * `extensions` are VSIX files that are installed beside Berth; `cli` is the bundle that `berth` runs, with the engine
   * beside it, where it is not the shipped one. `bare` is a workbench without Berth.
   */
  static async start(
    options: ServerOptions & {
      env?: Record<string, string>;
      extensions?: readonly string[];
      cli?: string;
      bare?: boolean;
    } = {},
  ): Promise<Workbench> {
    const berth = await Berth.make(options.env, options.cli);
    const vsix = [...(options.bare ? [] : [VSIX]), ...(options.extensions ?? [])];
    const server = await WorkbenchServer.start(berth, vsix, options);
    const browser = await chromium.launch({
      executablePath: "/usr/bin/chromium",
      args: [
        ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
        ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
      ],
    });
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.setDefaultTimeout(ACTION_MS);
    const workbench = new Workbench(page, browser, server, berth);
    try {
      await server.ready();
      await page.goto(server.url);
      const ready = options.bare
        ? page.locator(".activitybar a.action-label").first()
        : workbench.activityBar();
      await ready.waitFor({ timeout: READY_MS });
      return workbench;
    } catch (error) {
      await workbench.screenshot("start-failed");
      await workbench.close();
      throw error;
    }
  }

  activityBar(): Locator {
    return this.page.locator('.activitybar a.action-label[aria-label^="Berth"]');
  }

  /** Shows the view, which starts the engine. */
  async openView(): Promise<void> {
    await this.activityBar().click({ force: true }); // A badge of its own may lie over it.
    await this.page.locator(".part.sidebar .pane-header", { hasText: "Instances" }).waitFor();
  }

  /** Installs a VSIX file, or the Berth of another one in the place of this. */
  install(file: string): Promise<void> {
    return this.#server.install(file);
  }

  /** A page of the same browser that has nothing to do with the workbench. */
  newPage(options: { viewport: { width: number; height: number } }): Promise<Page> {
    return this.#browser.newPage(options);
  }

  /** The process in whose tree the extension hosts are. */
  get serverPid(): number {
    return this.#server.pid;
  }

  /** HOME of the workbench and all that it runs. */
  get home(): string {
    return this.#server.home;
  }

  /** A file or folder in the Explorer. */
  inExplorer(name: string): Locator {
    return this.page
      .locator(".explorer-folders-view")
      .getByRole("treeitem", { name: new RegExp(`^${name}`) });
  }

  /**
   * Waits for the workspace's second folder, with which the window begins anew. In a browser that is busy, that window
   * may come up without any folder, until it is loaded once more: its workspace was read before anybody listened.
   */
  async secondFolder(name: string): Promise<void> {
    await this.page.waitForURL(/[?&]workspace=/, { timeout: READY_MS });
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.inExplorer(name).waitFor({ timeout: READY_MS });
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
        await this.page.reload();
      }
    }
  }

  /** Shows what is in a folder. A window that begins draws its Explorer anew, so a click that came too early is made again. */
  async unfoldFolder(name: string, until: string): Promise<void> {
    const [folder, inside] = [this.inExplorer(name), this.inExplorer(until)];
    await folder.waitFor();
    for (const end = Date.now() + 2 * ACTION_MS; !(await inside.isVisible()); await delay(1000)) {
      if (Date.now() > end) throw new Error(`${name} does not unfold`);
      if ((await folder.getAttribute("aria-expanded")) !== "true") await folder.click();
    }
  }

  /** A button of the view that has no instances yet. */
  welcome(name: string): Locator {
    return this.page.getByRole("region", { name: "Welcome" }).getByRole("button", { name });
  }

  /** Of the menu that is open. */
  entry(name: string): Locator {
    return this.page.getByRole("menuitem", { name, exact: true });
  }

  /** A menu takes no click that comes too soon after it has opened: then it is still there, and is clicked again. */
  async choose(name: string): Promise<void> {
    const closed = () =>
      this.entry(name)
        .waitFor({ state: "detached", timeout: MENU_MS })
        .then(
          () => true,
          () => false,
        );
    do await this.entry(name).click();
    while (!(await closed()));
  }

  /** A row has its buttons while the pointer is on it; one that is drawn anew beneath the pointer has not noticed that. */
  press(row: Locator, button: string): Promise<void> {
    return this.again(async () => {
      await row.page().mouse.move(0, 0);
      await row.hover();
      await row.getByRole("button", { name: button }).click({ timeout: PALETTE_MS });
    });
  }

  /** The row of an instance. */
  row(name: string): Locator {
    return this.page.locator(".part.sidebar").getByRole("treeitem", { name: new RegExp(`^${name}\\b`) });
  }

  /** Shows what is below an instance, of which this is a part: its row may not be known to have any when it is clicked. */
  async unfoldRow(name: string, part: Locator): Promise<void> {
    await this.row(name).click();
    for (const until = Date.now() + ACTION_MS; !(await part.isVisible()); await delay(500)) {
      if (Date.now() > until) throw new Error(`the row of ${name} does not unfold`);
      await this.page.keyboard.press("ArrowRight");
    }
  }

  /** Runs a command of the palette by its exact title. */
  async command(title: string): Promise<void> {
    const exact = new RegExp(`^${title.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
    await this.#fromPalette(`>${title}`, exact);
  }

  /** Runs a command that asks for an instance, or something else first, and picks it. */
  commandOn(title: string, what: string): Promise<void> {
    return this.again(async () => {
      await this.command(title);
      await this.pick(what, PALETTE_MS);
    });
  }

  async openFile(name: string): Promise<void> {
    await this.#fromPalette(name, name); // Without `>`, the palette looks for files.
    await this.page.locator(".tab.active", { hasText: name }).waitFor();
  }

  #fromPalette(text: string, label: string | RegExp): Promise<void> {
    return this.again(async () => {
      await this.page.keyboard.press("F1");
      await this.fill(text, PALETTE_MS);
      await this.pick(label, PALETTE_MS);
    });
  }

  /**
   * A quick input closes when something else takes the focus, as a terminal does that was slow to come. Then it is
   * opened again, as a person would do: `ask` opens it, and fails within {@link PALETTE_MS} where it is not there.
   */
  async again(ask: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await ask();
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
        await this.page.keyboard.press("Escape");
      }
    }
  }

  async fill(text: string, timeout = ACTION_MS): Promise<void> {
    const input = this.page.locator(".quick-input-widget:visible input:is([type=text], [type=password])");
    await input.waitFor({ timeout });
    await input.fill(text, { timeout });
  }

  /** Clicks the row of the quick input whose label is, or begins with, this text. */
  async pick(label: string | RegExp, timeout = ACTION_MS): Promise<void> {
    const rows = this.page.locator(".quick-input-list .monaco-list-row");
    await rows
      .filter({ has: this.page.locator(".label-name", { hasText: label }) })
      .first()
      .click({ timeout });
  }

  /** The quick input's title, such as `Launch an Instance (2/4)`. */
  async atStep(step: string, timeout = ACTION_MS): Promise<void> {
    await this.page.locator(".quick-input-titlebar:visible", { hasText: step }).waitFor({ timeout });
  }

  notification(text: string | RegExp): Locator {
    return this.page.locator(".notifications-toasts .notification-toast", { hasText: text });
  }

  /** Unfolds a view of the sidebar, or folds it, where it is not so already. */
  async unfold(title: string, open = true): Promise<void> {
    const header = this.page.locator(".part.sidebar .pane-header", { hasText: title }).first();
    await header.waitFor();
    if ((await header.getAttribute("aria-expanded")) === String(!open)) await header.click();
    await this.page
      .locator(`.part.sidebar .pane-header[aria-expanded="${open}"]`, { hasText: title })
      .first()
      .waitFor();
  }

  /** Types into the quick input that says this, which may come after another one, and accepts it. */
  async enter(says: string, text: string): Promise<void> {
    await this.page.locator(".quick-input-widget:visible", { hasText: says }).waitFor();
    await this.fill(text);
    await this.page.keyboard.press("Enter");
  }

  /** Changes settings. The window reads them when it is reloaded. */
  async set(values: Readonly<Record<string, unknown>>): Promise<void> {
    const file = path.join(this.home, "User", "settings.json");
    const before = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
    await writeFile(file, JSON.stringify({ ...before, ...values }));
    await this.page.reload();
    await this.activityBar().waitFor({ timeout: READY_MS });
  }

  /** The colours of the window that is open. */
  async setTheme(theme: Theme): Promise<void> {
    await writeSettings(this.home, theme);
    await this.page.reload();
    const kind = theme.includes("Light") ? "vs" : "vs-dark";
    await this.page.locator(`.monaco-workbench.${kind}`).first().waitFor();
  }

  /** Drops a file onto a row, as from the desktop. */
  dropFile(row: Locator, file: { name: string; text: string }): Promise<void> {
    const { name, text } = file;
    const made = `new File([${JSON.stringify(text)}], ${JSON.stringify(name)}, { type: "text/plain" })`;
    return this.#drop(row, `dataTransfer.items.add(${made});`);
  }

  /** Drops what has an address onto a row. */
  dropUri(row: Locator, uri: string): Promise<void> {
    return this.#drop(row, `dataTransfer.setData("text/uri-list", ${JSON.stringify(uri)});`);
  }

  /** `fill` is a script that fills `dataTransfer`. */
  async #drop(row: Locator, fill: string): Promise<void> {
    const box = await row.boundingBox();
    const at = { clientX: (box?.x ?? 0) + 40, clientY: (box?.y ?? 0) + (box?.height ?? 0) / 2 };
    // The page's own classes are not known here: the script is a text.
    await this.page.evaluate(`(() => {
      const at = ${JSON.stringify(at)};
      const dataTransfer = new DataTransfer();
      ${fill}
      const how = { bubbles: true, cancelable: true, composed: true, dataTransfer, ...at };
      const element = document.elementFromPoint(at.clientX, at.clientY);
      for (const type of ["dragenter", "dragover", "drop"]) element.dispatchEvent(new DragEvent(type, how));
    })()`);
  }

  /** Answers a modal question. */
  async answer(button: string): Promise<void> {
    await this.page.locator(".monaco-dialog-box").getByRole("button", { name: button }).click();
  }

  /** Types into the active terminal and waits until what it shows matches. */
  async terminal(line: string, answer: RegExp): Promise<void> {
    await this.page.locator(".terminal-wrapper.active textarea.xterm-helper-textarea").focus();
    await this.page.keyboard.type(line);
    await this.page.keyboard.press("Enter");
    await this.terminalShows(answer);
  }

  async terminalShows(pattern: RegExp, timeout = READY_MS): Promise<void> {
    const rows = this.page.locator(".terminal-wrapper.active .xterm-rows");
    await rows.filter({ hasText: pattern }).waitFor({ timeout });
  }

  /** Milliseconds that activating an extension took, by the workbench's own account. */
  async activationMs(name = "Berth"): Promise<number> {
    const title = this.page.getByText(name, { exact: true });
    const rows = this.page.locator(".runtime-extensions-editor .extension").filter({ has: title });
    const figure = /Activation:\s*(\d+)\s*ms/;
    const row = rows.filter({ hasText: figure }).first();
    if (await row.isVisible()) return Number(figure.exec((await row.textContent()) ?? "")?.[1]);
    for (let attempt = 1; ; attempt += 1) {
      await this.command("Developer: Show Running Extensions");
      try {
        await row.waitFor({ timeout: 10_000 });
        return Number(figure.exec((await row.textContent()) ?? "")?.[1]);
      } catch (error) {
        // The editor lists what was known when it was opened.
        if (attempt === 3) throw error;
        await this.command("View: Close All Editors");
      }
    }
  }

  async screenshot(name: string): Promise<string> {
    const file = path.join(RESULTS, "screens", `${name}.png`);
    await mkdir(path.dirname(file), { recursive: true });
    await this.page.screenshot({ path: file });
    return file;
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.#server.stop();
    await this.berth.dispose();
    await this.#server.removeHome();
  }
}

/** Keeps a figure that a test measured, beside the others. */
export async function recordFigure(name: string, value: number): Promise<void> {
  const file = path.join(RESULTS, "figures.json");
  const figures = JSON.parse(await readFile(file, "utf8").catch(() => "{}")) as Record<string, number>;
  await writeFile(file, `${JSON.stringify({ ...figures, [name]: value }, null, 2)}\n`);
}
