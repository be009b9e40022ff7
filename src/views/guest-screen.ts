/** What terminals of tasks and of shells have in common: bringing the guest up, and its output as text. No vscode. */

import type { Instance } from "../api/instance.ts";
import type { Progress } from "../api/operation.ts";
import { EngineError } from "../base/errors.ts";
import type { EngineClient, RemoteProcess } from "../client/engine-client.ts";
import { l10n } from "./l10n.ts";
import { longProgressText } from "./phrases.ts";

export const CLEAR_LINE = "\r\x1b[K";
/** With what was scrolled out of it: all that the shell has shown comes again. */
export const CLEAR_SCREEN = "\x1b[2J\x1b[3J\x1b[H";
export const DIM = (text: string) => `\x1b[2m${text}\x1b[0m`;
export const RED = (text: string) => `\x1b[31m${text}\x1b[0m`;
export const YELLOW = (text: string) => `\x1b[33m${text}\x1b[0m`;
export const CTRL_C = "\x03";
export const CTRL_D = "\x04";

/** As `berth shell` does: a stopped instance is started first, and that is told in one line which is then cleared. */
export async function bringUp(
  client: EngineClient,
  name: string,
  { signal, say, purpose }: { signal: AbortSignal; say: (text: string) => void; purpose?: string },
): Promise<void> {
  const instance = await client.api.instances.get({ name }, { signal });
  const doing = workFor(instance, purpose);
  if (doing === "none") return;
  const operation =
    doing === "start"
      ? await client.api.instances.start({ name }, { signal })
      : await client.api.operations.get({ id: doing.follow }, { signal });
  say(DIM(l10n.t("Starting {0}…", name)));
  const onProgress = (progress: Progress) =>
    say(CLEAR_LINE + DIM(l10n.t("Starting {0}: {1}", name, longProgressText(progress))));
  await client.watchOperation(operation, doing === "start" ? { onProgress, signal } : { onProgress });
  say(CLEAR_LINE);
}

/** Both outputs as text, characters whole. */
export function relayOutput(process: RemoteProcess, write: (text: string) => void): void {
  for (const stream of [process.stdout, process.stderr]) {
    const decoder = new TextDecoder();
    stream.on("data", (chunk: Uint8Array) => {
      const text = decoder.decode(chunk, { stream: true });
      if (text !== "") write(text);
    });
    stream.on("error", () => {}); // `exited` tells.
  }
  process.stdin.on("error", () => {});
}

/** What has to happen before a process can be opened. Throws where nothing can help. Pure. */
export function workFor(
  instance: Pick<Instance, "name" | "state" | "operation">,
  purpose = "open a shell",
): "none" | "start" | { follow: string } {
  const { name, state, operation } = instance;
  if (state === "running" && operation === undefined) return "none";
  if (state === "running" || state === "creating" || state === "starting" || state === "restarting") {
    return operation === undefined ? "none" : { follow: operation };
  }
  if (state === "stopped" || state === "suspended") return "start";
  const hint =
    state === "deleted"
      ? l10n.t("Recover {0} first.", name)
      : state === "stopping"
        ? l10n.t("Wait until it has stopped.")
        : undefined;
  throw new EngineError("wrong-state", `cannot ${purpose} in ${name}: it is ${state}`, { hint });
}
