/** What a pseudoterminal of the views shows, until the test has finished. */
import { onTestFinished } from "vitest";
import type { Pseudoterminal } from "vscode";
import { deferred } from "../../src/base/async.ts";

export type WatchedTerminal = {
  screen(): string;
  /** Waits until it shows this, which is taken off the screen then. */
  shows(pattern: RegExp): Promise<void>;
  isClosed(): boolean;
};

export function watchTerminal(terminal: Pseudoterminal): WatchedTerminal {
  let screen = "";
  let told = deferred<void>();
  terminal.onDidWrite((text) => {
    screen += text;
    told.resolve();
  });
  let closed = false;
  terminal.onDidClose?.(() => {
    closed = true;
  });
  onTestFinished(() => terminal.close());
  return {
    screen: () => screen,
    shows: async (pattern) => {
      while (!pattern.test(screen)) {
        await told.promise;
        told = deferred<void>();
      }
      screen = screen.replace(pattern, "");
    },
    isClosed: () => closed,
  };
}
