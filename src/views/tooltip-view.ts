/** An instance's tooltip, with what the guest says of itself where it answers in time. */
import * as vscode from "vscode";
import type { Instance, InstanceDetails } from "../api/instance.ts";
import type { Operation } from "../api/operation.ts";
import { withDeadline } from "../base/async.ts";
import type { EngineClient } from "../client/engine-client.ts";
import { toSignal } from "./progress.ts";
import { tooltipMarkdown } from "./tooltip.ts";

type Inputs = {
  instance: Instance;
  operation: Operation | undefined;
  client: Promise<EngineClient> | undefined;
  withinMs: number;
  token: vscode.CancellationToken;
};

export async function makeTooltip(inputs: Inputs): Promise<vscode.MarkdownString> {
  const { instance, operation } = inputs;
  const details = instance.ready && instance.state === "running" ? await guestDetails(inputs) : undefined;
  const text = tooltipMarkdown({ instance, operation, details, now: new Date() });
  return new vscode.MarkdownString(text, true);
}

/** A guest that does not answer costs its rows, never the tooltip. */
async function guestDetails({
  instance,
  client,
  withinMs,
  token,
}: Inputs): Promise<InstanceDetails | undefined> {
  if (!client) return undefined;
  const { signal, dispose } = toSignal(token);
  const deadline = withDeadline(withinMs, signal);
  try {
    const { api } = await client;
    return await api.instances.details({ name: instance.name }, { signal: deadline.signal });
  } catch {
    return undefined;
  } finally {
    deadline.done();
    dispose();
  }
}
