/**
 * The panel of one instance: keeps its page up to date while it can be seen, and does what the page asks for. Charts cost
 * nothing while it is hidden: the engine is asked for figures only as long as the page is visible and the guest runs.
 */
import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import type { Backup } from "../../api/backup.ts";
import type { Instance, InstanceDetails } from "../../api/instance.ts";
import type { Snapshot } from "../../api/snapshot.ts";
import { type Disposable, DisposableStore } from "../../base/disposable.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { EngineClient } from "../../client/engine-client.ts";
import type { BackupNode } from "../backups-view.ts";
import { showError } from "../errors.ts";
import { capitalised } from "../phrases.ts";
import { withoutControls } from "../plain-text.ts";
import { problemText } from "../problems.ts";
import type { Services, TreeNode } from "../services.ts";
import { type Code, pageHtml } from "./html.ts";
import { type FromPanel, type LogName, readMessage, type ToPanel } from "./protocol.ts";
import { sizeChangeOf } from "./sizes.ts";
import { PANEL_COMMANDS, panelState } from "./state.ts";
import { momentId, TIMELINE_COMMANDS } from "./timeline.ts";

/** Many events of one moment make one picture. */
const SETTLE_MS = 30;

export class InstancePanel implements Disposable {
  readonly #services: Services;
  readonly #panel: vscode.WebviewPanel;
  readonly #id: string;
  readonly #code: { script: Code; style: Code };
  readonly #store = new DisposableStore();
  #name: string;
  #details: InstanceDetails | undefined;
  #snapshots: readonly Snapshot[] = [];
  /** Undefined until somebody has looked at the timeline: to read a repository may take long. */
  #backups: { items: readonly Backup[]; note?: string | undefined } | undefined;
  /** What the details and the snapshots were last asked for. */
  #asked: { run?: string; snapshots?: string } = {};
  #settling: NodeJS.Timeout | undefined;
  #watching: AbortController | undefined;
  #pageReady = false;

  constructor(
    services: Services,
    panel: vscode.WebviewPanel,
    id: string,
    code: { script: Code; style: Code },
  ) {
    this.#services = services;
    this.#panel = panel;
    this.#id = id;
    this.#code = code;
    const instance = services.model.get(id);
    this.#name = instance?.name ?? "";
    const { webview } = panel;
    webview.options = { enableScripts: true, localResourceRoots: [] };
    webview.html = this.#page(instance && this.#stateOf(instance));
    this.#store.add(webview.onDidReceiveMessage((message) => void this.#onMessage(message)));
    this.#store.add(panel.onDidChangeViewState(() => this.#onVisibility()));
    this.#store.add(
      services.model.onDidChange((ids) => (ids.includes(id) || ids.length === 0) && this.#changed()),
    );
    this.#store.add(services.mirror.onDidChangeOperations(() => this.#changed()));
    this.#store.add(services.mirror.onDidChangeConnection(() => this.#changed()));
    this.#store.add(services.backups.onDidChange(() => this.#backups && void this.#askBackups()));
    void services.mirror.client().catch(() => {}); // The page is told how the connection fares.
    this.#store.defer(() => {
      clearTimeout(this.#settling);
      this.#watching?.abort();
    });
  }

  dispose(): void {
    this.#store.dispose();
  }

  get #instance(): Instance | undefined {
    return this.#services.model.get(this.#id);
  }

  #page(first: ToPanel | undefined): string {
    const { webview } = this.#panel;
    const nonce = randomBytes(16).toString("base64url");
    const parts = { source: webview.cspSource, nonce, title: this.#name, ...this.#code };
    return pageHtml(first === undefined ? parts : { ...parts, first });
  }

  /** A hidden page is gone. The one that comes in its place shall not begin with what was true when the first did. */
  #onVisibility(): void {
    if (!this.#panel.visible && this.#pageReady) {
      this.#pageReady = false;
      this.#panel.webview.html = this.#page(undefined);
    }
    this.#changed();
  }

  #post(message: ToPanel): void {
    if (this.#pageReady) void this.#panel.webview.postMessage(message);
  }

  #changed(): void {
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      this.#update();
    }, SETTLE_MS);
  }

  /** Tells the page all there is, and begins or ends what is only needed while it is seen. */
  #update(): void {
    const instance = this.#instance;
    const { connection } = this.#services.mirror;
    const lost = this.#lost;
    const seen = this.#panel.visible;
    if (instance) {
      this.#name = instance.name;
      this.#panel.title = instance.name;
      if (seen) this.#post(this.#stateOf(instance));
    } else if (lost !== undefined) this.#post({ type: "away", reason: lost });
    else if (connection.state === "connected") this.#post({ type: "gone", name: this.#name });
    const runs = instance?.state === "running" && seen && lost === undefined;
    this.#watch(runs ? instance : undefined);
    if (instance && seen && lost === undefined) void this.#askMore(instance);
  }

  /** Why the engine is not there. */
  get #lost(): string | undefined {
    const { connection } = this.#services.mirror;
    return connection.state === "unavailable" ? connection.error.message : undefined;
  }

  #stateOf(instance: Instance): ToPanel {
    const { mirror, model } = this.#services;
    const operation = model.operationOf(instance);
    const operations = [...mirror.operations.values()];
    const details = instance.state === "running" ? this.#details : undefined;
    const snapshots = this.#snapshots;
    const { items: backups = [], note: backupsNote } = this.#backups ?? {};
    const lost = this.#lost;
    return {
      type: "state",
      state: panelState({
        ...{ instance, operation, details, operations, lost },
        ...{ snapshots, backups, backupsNote },
      }),
    };
  }

  /** The guest's own facts once for each run, the snapshots whenever they may be others. */
  async #askMore(instance: Instance): Promise<void> {
    const run = `${instance.startedAt} ${instance.ready}`;
    const snapshots = `${instance.snapshotCount} ${instance.updatedAt}`;
    const before = this.#asked;
    if (before.run === run && before.snapshots === snapshots) return;
    this.#asked = { run, snapshots };
    try {
      const { api } = await this.#services.mirror.client();
      const { name } = instance;
      if (before.snapshots !== snapshots)
        this.#snapshots = (await api.snapshots.list({ instance: name })).items;
      if (before.run !== run) {
        this.#details = await api.instances.details({ name });
        this.#tellSetup();
      }
      this.#changed();
    } catch (error) {
      this.#services.log.debug(`${instance.name}: ${messageOf(error)}`); // The next change asks again.
      this.#asked = {};
    }
  }

  /** Those that are known stay until the new ones are. */
  async #askBackups(): Promise<void> {
    if (!this.#panel.visible) return;
    if (!this.#backups) {
      this.#backups = { items: [], note: vscode.l10n.t("Looking for backups…") };
      this.#changed();
    }
    try {
      const { items, problems } = await this.#services.backups.of(this.#id);
      const note = problems.map(problemText).join(" ");
      this.#backups = { items, note: note === "" ? undefined : note };
    } catch (error) {
      this.#backups = { ...this.#backups, note: capitalised(messageOf(error)) };
    }
    this.#changed();
  }

  #tellSetup(): void {
    const { status = "", errors = [] } = this.#details?.cloudInit ?? {};
    this.#post({ type: "setup", status, errors: errors.map((one) => withoutControls(one)) });
  }

  /** Follows the figures of this run of the instance; undefined: of none. */
  #watch(instance: Instance | undefined): void {
    if (!instance) {
      this.#watching?.abort();
      this.#watching = undefined;
    } else if (!this.#watching) {
      const watching = new AbortController();
      this.#watching = watching;
      void this.#follow(instance.name, watching.signal).finally(() => {
        if (this.#watching === watching) this.#watching = undefined;
      });
    }
  }

  async #follow(name: string, signal: AbortSignal): Promise<void> {
    try {
      const { api } = await this.#services.mirror.client();
      for await (const metrics of await api.instances.metrics({ name }, { signal }))
        this.#post({ type: "metrics", metrics });
    } catch (error) {
      if (!signal.aborted) this.#services.log.debug(`${name}: no figures: ${messageOf(error)}`);
    }
  }

  async #onMessage(value: unknown): Promise<void> {
    const message = readMessage(value);
    if (!message) {
      this.#services.log.warn("the panel said what it cannot say");
      return;
    }
    try {
      await this.#obey(message);
    } catch (error) {
      void showError(error, { log: this.#services.log, instance: this.#name });
    }
  }

  async #obey(message: FromPanel): Promise<void> {
    const run = vscode.commands.executeCommand;
    switch (message.type) {
      case "ready":
        this.#pageReady = true;
        this.#asked = {};
        this.#update();
        return;
      case "command":
        if (PANEL_COMMANDS.has(message.command)) await run(message.command, this.#name);
        return;
      case "moment":
        if (TIMELINE_COMMANDS.has(message.command)) await run(message.command, this.#nodeOf(message));
        return;
      case "backups":
        return this.#askBackups();
      case "resize":
        return this.#resize(message.form);
      case "log":
        return this.#sendLog(message.source);
      case "setup":
        this.#tellSetup();
        return;
      case "open":
        await vscode.env.openExternal(vscode.Uri.parse(message.url, true));
    }
  }

  /** The row of the sidebar that stands for it; of kept memory the instance itself. */
  #nodeOf({ kind, id }: Extract<FromPanel, { type: "moment" }>): TreeNode | BackupNode | string {
    if (kind === "snapshot") return { type: "snapshot", instance: this.#id, id };
    const backup = this.#backups?.items.find((one) => momentId(one) === id);
    return backup ? { type: "backup", backup } : this.#name;
  }

  async #resize(form: Parameters<typeof sizeChangeOf>[1]): Promise<void> {
    const instance = this.#instance;
    if (!instance) throw new EngineError("not-found", `cannot change ${this.#name}: it is no more`);
    const change = sizeChangeOf(instance, form);
    const client = await this.#services.mirror.client();
    if (Object.keys(change).length > 0) await this.#apply(client, instance.name, change);
    this.#update();
  }

  async #apply(client: EngineClient, name: string, change: ReturnType<typeof sizeChangeOf>): Promise<void> {
    const ended = await client.watchOperation(await client.api.instances.update({ name, ...change }));
    for (const warning of ended.warnings) void vscode.window.showWarningMessage(`${name}: ${warning}`);
  }

  async #sendLog(source: LogName): Promise<void> {
    const { api } = await this.#services.mirror.client();
    const { text } = await api.instances.log({ name: this.#name, source });
    this.#post({ type: "log", source, text: withoutControls(text) });
  }
}
