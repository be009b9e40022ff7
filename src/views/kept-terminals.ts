/**
 * Shells in terminals that outlive a reload of their window. Pseudoterminals do not, so the engine keeps the shell and
 * what it has shown, and the window remembers which ones it had. One that a person closes is ended.
 */
import * as vscode from "vscode";
import type { Disposable } from "../base/disposable.ts";
import { DisposableStore } from "../base/disposable.ts";
import { messageOf } from "../base/errors.ts";
import type { EngineMirror } from "../client/mirror.ts";
import type { Model } from "./model.ts";
import { GuestTerminal } from "./shell.ts";
import { type Joined, joinSession, ShellSession } from "./shell-session.ts";
import { readRecords, replaced, type TerminalRecord, withActive } from "./terminal-records.ts";

type Parts = { mirror: EngineMirror; model: Model; memory: vscode.Memento; log: vscode.LogOutputChannel };

const KEY = "berth.terminals";
const KEEP_MINUTES = 10;

export class KeptTerminals implements Disposable {
  readonly #parts: Parts;
  readonly #store = new DisposableStore();
  readonly #sessions = new WeakMap<vscode.Pseudoterminal, { session: ShellSession; instance: string }>();
  #records: TerminalRecord[] = [];

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#store.add(vscode.window.onDidCloseTerminal((terminal) => this.#closed(terminal)));
    this.#store.add(
      vscode.window.onDidChangeActiveTerminal((terminal) => {
        if (terminal) this.#remember(this.#records, terminal);
      }),
    );
  }

  /** A login shell. */
  options(instance: string, joined?: Joined): vscode.ExtensionTerminalOptions {
    const { mirror, model } = this.#parts;
    const seconds = keepSeconds();
    const key = model.byName(instance)?.id ?? instance;
    let shown = joined?.id;
    const session = new ShellSession({
      ...{ keepSeconds: seconds, joined },
      onChange: (id) => {
        const before = shown;
        shown = id;
        this.#remember(replaced(this.#records, before, id === undefined ? id : { id, instance: key }));
      },
    });
    const isKept = seconds > 0;
    const pty = new GuestTerminal({
      ...{ instance, client: () => mirror.client() },
      ...(isKept ? { session } : {}),
    });
    if (isKept) this.#sessions.set(pty, { session, instance: key });
    return { name: instance, iconPath: new vscode.ThemeIcon("vm"), pty };
  }

  /** Those that this window had before it was reloaded and whose shells still run. Starts no engine. */
  async restore(joined: Promise<unknown>): Promise<void> {
    const before = readRecords(this.#parts.memory.get(KEY));
    if (before.length === 0) return;
    await joined;
    if (this.#parts.mirror.connection.state !== "connected") return this.#remember(this.#records);
    const found = await Promise.all(before.map((record) => this.#join(record)));
    const back = found.flatMap((one) => one ?? []);
    this.#remember([...back.map(({ record }) => record), ...this.#records]);
    for (const { record, name, process } of back) {
      const terminal = vscode.window.createTerminal(this.options(name, { id: record.id, process }));
      if (record.isActive) terminal.show(true);
    }
  }

  dispose(): void {
    this.#store.dispose();
  }

  async #join(record: TerminalRecord) {
    const { mirror, model, log } = this.#parts;
    const name = model.get(record.instance)?.name;
    const seconds = keepSeconds();
    if (name === undefined || seconds === 0) return undefined;
    try {
      const process = await joinSession(await mirror.client(), name, { id: record.id, keepSeconds: seconds });
      return process && { record, name, process };
    } catch (error) {
      log.warn(`cannot show a shell in ${name} again: ${messageOf(error)}`);
      return undefined;
    }
  }

  #closed(terminal: vscode.Terminal): void {
    const known = this.#of(terminal);
    if (known?.session.id === undefined) return;
    const reason = terminal.exitStatus?.reason ?? vscode.TerminalExitReason.Unknown;
    // With its window it goes away for a moment only.
    if (reason === vscode.TerminalExitReason.Shutdown || reason === vscode.TerminalExitReason.Unknown) return;
    const { id } = known.session;
    known.session.end();
    void this.#end(known.instance, id);
  }

  /** Where that fails, the engine ends it when it was kept for long enough. */
  async #end(instance: string, id: string): Promise<void> {
    const { mirror, model, log } = this.#parts;
    const name = model.get(instance)?.name;
    if (name === undefined || mirror.connection.state !== "connected") return;
    try {
      await (await mirror.client()).api.sessions.end({ name, id });
    } catch (error) {
      log.debug(`a shell in ${name} was not ended: ${messageOf(error)}`);
    }
  }

  #of(terminal: vscode.Terminal) {
    const { pty } = terminal.creationOptions as Partial<vscode.ExtensionTerminalOptions>;
    return pty && this.#sessions.get(pty);
  }

  /** A terminal is the active one before it shows a session. */
  #remember(records: TerminalRecord[], active = vscode.window.activeTerminal): void {
    const id = active && this.#of(active)?.session.id;
    this.#records = id === undefined ? records : withActive(records, id);
    void this.#parts.memory.update(KEY, this.#records);
  }
}

function keepSeconds(): number {
  const minutes = vscode.workspace.getConfiguration("berth").get("keepTerminalsMinutes", KEEP_MINUTES);
  return Math.round(Math.min(1440, Math.max(0, Number(minutes) || 0)) * 60);
}
