/**
 * The graphical console of one instance: the page draws, this side holds the stream to the engine. A page that cannot be
 * seen is not kept, and neither is its stream: what comes to the front connects anew, as after a reload of the window.
 */
import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import type { Instance } from "../../api/instance.ts";
import { type Disposable, DisposableStore } from "../../base/disposable.ts";
import { messageOf } from "../../base/errors.ts";
import { showError } from "../errors.ts";
import { pageHtml } from "../panel/html.ts";
import type { Services } from "../services.ts";
import { DisplayLink } from "./link.ts";
import { type Phase, phaseOf, runOf } from "./phase.ts";
import { type FromDisplay, readMessage, type ToDisplay } from "./protocol.ts";
import { saveScreenshot } from "./screenshot.ts";
import { noticeOf, titleOf, words } from "./words.ts";

/** A connection to the screen, from when it is asked for. */
type Stream = { number: number; run: string; controller: AbortController; link?: DisplayLink };

export class DisplayPanel implements Disposable {
  readonly #services: Services;
  readonly #panel: vscode.WebviewPanel;
  readonly #id: string;
  readonly #store = new DisposableStore();
  #name: string;
  #pageReady = false;
  #streams = 0;
  #stream: Stream | undefined;
  #over: { run: string; reason: string } | undefined;

  constructor(services: Services, panel: vscode.WebviewPanel, id: string, media: vscode.Uri) {
    this.#services = services;
    this.#panel = panel;
    this.#id = id;
    this.#name = services.model.get(id)?.name ?? "";
    const { webview } = panel;
    webview.options = { enableScripts: true, localResourceRoots: [media] };
    this.#store.add(webview.onDidReceiveMessage((message) => void this.#onMessage(message)));
    this.#store.add(panel.onDidChangeViewState(() => this.#onVisibility()));
    const { model, mirror } = services;
    this.#store.add(model.onDidChange((ids) => (ids.includes(id) || ids.length === 0) && this.#update()));
    this.#store.add(
      mirror.onDidChangeConnection(({ state }) => {
        if (state === "connected") this.#over = undefined; // What was lost with the engine is there again with it.
        this.#update();
      }),
    );
    this.#store.defer(() => this.#drop());
    webview.html = pageHtml({
      source: webview.cspSource,
      script: webview.asWebviewUri(vscode.Uri.joinPath(media, "display.js")).toString(),
      style: webview.asWebviewUri(vscode.Uri.joinPath(media, "display.css")).toString(),
      nonce: randomBytes(16).toString("base64url"),
      title: this.#name,
      ...{ module: true, images: "data:" }, // Pointers, and rectangles that a server packs as JPEG.
    });
    void mirror.client().catch(() => {}); // The page is told how the connection fares.
  }

  dispose(): void {
    this.#store.dispose();
  }

  #post(message: ToDisplay): void {
    if (this.#pageReady) void this.#panel.webview.postMessage(message);
  }

  #onVisibility(): void {
    if (this.#panel.visible) return;
    this.#pageReady = false;
    this.#drop();
  }

  /** Tells the page what is shown in place of the screen, and connects where nothing speaks against it. */
  #update(): void {
    const instance = this.#services.model.get(this.#id);
    if (instance) this.#name = instance.name;
    const title = titleOf(this.#name);
    if (this.#panel.title !== title) this.#panel.title = title;
    const phase = this.#phase(instance);
    const notice = noticeOf(phase, this.#name);
    this.#post({ type: "state", id: this.#id, name: this.#name, words: words(), notice });
    if (phase.is === "connecting" && instance && this.#pageReady) void this.#connect(instance);
    else if (phase.is !== "open" && phase.is !== "connecting") this.#drop();
  }

  #phase(instance: Instance | undefined): Phase {
    const { mirror, model } = this.#services;
    const { connection } = mirror;
    return phaseOf({
      instance,
      operation: instance && model.operationOf(instance),
      away: connection.state === "unavailable" ? messageOf(connection.error) : undefined,
      listed: connection.state === "connected",
      open: this.#stream?.link !== undefined,
      over: this.#over,
    });
  }

  async #connect(instance: Instance): Promise<void> {
    if (this.#stream) return;
    const { name } = instance;
    this.#streams += 1;
    const stream: Stream = {
      ...{ number: this.#streams, run: runOf(instance), controller: new AbortController() },
    };
    this.#stream = stream;
    let reason = vscode.l10n.t("The guest's side has ended.");
    try {
      const client = await this.#services.mirror.client();
      const connection = await client.display(name, { signal: stream.controller.signal });
      if (this.#stream !== stream) return connection.close();
      this.#post({ type: "opened", stream: stream.number });
      stream.link = new DisplayLink(connection, (bytes) =>
        this.#post({ type: "bytes", stream: stream.number, bytes }),
      );
      this.#update();
      await stream.link.over;
    } catch (error) {
      reason = messageOf(error);
      this.#services.log.debug(`${name}: the screen: ${reason}`);
    }
    if (this.#stream === stream) this.#end(stream, reason);
  }

  /** It has ended by itself: it is not tried again in this run unless its user says so. */
  #end(stream: Stream, reason: string): void {
    this.#over = { run: stream.run, reason };
    this.#drop();
    this.#update();
  }

  #drop(): void {
    const stream = this.#stream;
    if (!stream) return;
    this.#stream = undefined;
    stream.controller.abort();
    stream.link?.close();
    this.#post({ type: "closed", stream: stream.number });
  }

  async #onMessage(value: unknown): Promise<void> {
    const message = readMessage(value);
    if (!message) {
      this.#services.log.warn("the graphical console said what it cannot say");
      return;
    }
    try {
      await this.#obey(message);
    } catch (error) {
      void showError(error, { log: this.#services.log, instance: this.#name });
    }
  }

  async #obey(message: FromDisplay): Promise<void> {
    switch (message.type) {
      case "ready":
        this.#pageReady = true;
        return this.#anew();
      case "connect":
        return this.#anew();
      case "command":
        await vscode.commands.executeCommand(message.command, this.#name);
        return;
      case "screenshot":
        return saveScreenshot(this.#name, message.bytes);
    }
    const stream = this.#stream;
    if (stream?.number !== message.stream) return; // Of one that has ended meanwhile.
    if (message.type === "failed") this.#end(stream, message.reason);
    else if (message.type === "taken") stream.link?.taken(message.count);
    else this.#send(stream, message.bytes);
  }

  #send(stream: Stream, bytes: Uint8Array): void {
    try {
      stream.link?.send(bytes);
    } catch (error) {
      this.#end(stream, messageOf(error));
    }
  }

  #anew(): void {
    this.#drop();
    this.#over = undefined;
    this.#update();
  }
}
