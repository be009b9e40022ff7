/** How the window gets and keeps its connection to the engine. */
import type * as vscode from "vscode";
import type { Disposable } from "../base/disposable.ts";
import { exists } from "../base/durable.ts";
import { messageOf } from "../base/errors.ts";
import { currentPaths } from "../base/paths.ts";
import { EngineMirror } from "../client/mirror.ts";
import type { Model } from "./model.ts";

/** Connects when it is first asked; an engine is started from the bundle where none runs. */
export function createMirror(engineBundle: string): EngineMirror {
  return new EngineMirror({
    connect: async (signal) => {
      const { connect } = await import("../client/connect.ts");
      return connect({ engineBundle, signal });
    },
  });
}

/** Logs how the connection fares, and keeps what the engine says of its host. */
export function followConnection(
  mirror: EngineMirror,
  model: Model,
  log: vscode.LogOutputChannel,
): Disposable {
  return mirror.onDidChangeConnection((connection) => {
    if (connection.state === "unavailable") return log.warn(messageOf(connection.error));
    log.info(`engine: ${connection.state}`);
    if (connection.state !== "connected") return;
    void askHost(mirror, model);
  });
}

/** What the engine can do on this host. Where it goes away meanwhile, the connection's next change asks again. */
async function askHost(mirror: EngineMirror, model: Model): Promise<void> {
  try {
    const client = await mirror.client();
    model.engine = await client.api.engine.info();
  } catch {}
}

/** An engine that runs already is joined at once; none is started. */
export async function attachIfRunning(mirror: EngineMirror): Promise<void> {
  if (!(await exists(currentPaths().engineFile))) return;
  const { connect } = await import("../client/connect.ts");
  const client = await connect({}).catch(() => undefined);
  if (!client) return;
  client.dispose();
  await mirror.client();
}
