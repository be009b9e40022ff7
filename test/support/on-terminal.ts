/** The `berth` command on a terminal of its own, until the test has finished. */
import { type IPty, spawn } from "node-pty";
import { onTestFinished } from "vitest";
import { deferred } from "../../src/base/async.ts";
import type { Berth } from "./berth.ts";

export function onTerminal(berth: Berth, ...args: string[]) {
  const [file = "", ...before] = berth.argv;
  const terminal: IPty = spawn(file, [...before, ...args], { env: berth.env });
  let screen = "";
  let told = deferred<void>();
  terminal.onData((data) => {
    screen += data;
    told.resolve();
  });
  const ended = new Promise<number>((resolve) => terminal.onExit(({ exitCode }) => resolve(exitCode)));
  onTestFinished(() => terminal.kill());
  return {
    /** With the exit code. */
    ended,
    type: (keys: string) => terminal.write(keys),
    resize: (cols: number, rows: number) => terminal.resize(cols, rows),
    screen: () => screen,
    shows: async (words: string) => {
      while (!screen.includes(words)) {
        const next = await Promise.race([told.promise, ended]);
        if (next !== undefined) throw new Error(`it ended with ${next}: ${screen}`);
        told = deferred<void>();
      }
    },
  };
}
