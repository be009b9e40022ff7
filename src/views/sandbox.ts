/** Sandboxes from the command palette: one of this folder, and what becomes of what was changed in it. */
import * as vscode from "vscode";
import { countText, isObeyed } from "../agent/sandbox/changes.ts";
import { findSandbox, forget, listSandboxes, type Sandbox, sandboxesIn } from "../agent/sandbox/record.ts";
import type { Review } from "../agent/sandbox/review.ts";
import { currentPaths } from "../base/paths.ts";
import { withCancellableProgress } from "./progress.ts";
import { confirm } from "./prompts.ts";
import type { ChangedTexts } from "./sandbox-documents.ts";
import type { Services } from "./services.ts";
import { openTerminal } from "./terminals.ts";

export async function newSandbox(services: Services): Promise<void> {
  const folder = await pickFolder();
  if (!folder) return;
  const { beginSandbox } = await import("../agent/sandbox/begin.ts");
  const { mirror, platform, log } = services;
  const title = vscode.l10n.t("Making a sandbox of {0}", vscode.workspace.asRelativePath(folder, true));
  const { instance, record } = await withCancellableProgress(title, async (signal, report) =>
    beginSandbox({
      ...{ client: await mirror.client(), folder: folder.fsPath, platform, signal, spec: {} },
      sandboxes: sandboxesIn(currentPaths()),
      onProgress: (_target, progress) => report(progress),
      onWarning: (text) => log.warn(text),
    }),
  );
  const shell = vscode.l10n.t("Open Shell");
  const text = vscode.l10n.t(
    "{0} is a sandbox: the project is in ~/{1} there. It reaches nothing beyond itself.",
    instance.name,
    record.directory,
  );
  void vscode.window.showInformationMessage(text, shell).then((chosen) => {
    if (chosen === shell) openTerminal(services, instance.name);
  });
}

export async function reviewChanges(services: Services): Promise<void> {
  const sandbox = await pickSandbox(services);
  if (!sandbox) return;
  const { name } = sandbox.instance;
  const shown = await reviewed(services, sandbox, async (review) => {
    for (const { path, reason } of review.refused)
      services.log.warn(`${name}: ${path} can never leave it: ${reason}`);
    return textsOf(review);
  });
  if (shown.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t("Nothing was changed in {0}.", name));
    return;
  }
  await services.sandboxDocuments.show(name, vscode.l10n.t("Changes in {0}", name), shown);
  const [accept, discard] = [vscode.l10n.t("Accept…"), vscode.l10n.t("Discard…")];
  const text = vscode.l10n.t("Make these changes in {0}?", sandbox.record.folder);
  void vscode.window.showInformationMessage(text, accept, discard).then((chosen) => {
    if (chosen === accept) void vscode.commands.executeCommand("berth.acceptSandbox", name);
    if (chosen === discard) void vscode.commands.executeCommand("berth.discardSandbox", name);
  });
}

export async function acceptChanges(services: Services, args: readonly unknown[]): Promise<void> {
  const sandbox = await pickSandbox(services, args[0]);
  if (!sandbox) return;
  const { name } = sandbox.instance;
  const { folder } = sandbox.record;
  const { accept, planAccept } = await import("../agent/sandbox/accept.ts");
  const said = await reviewed(services, sandbox, async (review, signal) => {
    const plan = await planAccept(review, services.platform);
    const changes = plan.steps.map(({ change }) => change);
    if (changes.length === 0 && plan.obstacles.length === 0) {
      await accept(review, plan, signal);
      return vscode.l10n.t("{0} has all of it already.", folder);
    }
    // With obstacles there is nothing to agree to: accepting tells them.
    if (plan.obstacles.length === 0 && !(await agreesTo(name, folder, changes))) return undefined;
    await accept(review, plan, signal);
    return vscode.l10n.t("Accepted from {0}: {1}.", name, countText(changes));
  });
  if (said !== undefined) void vscode.window.showInformationMessage(said);
}

export async function discardSandbox(services: Services, args: readonly unknown[]): Promise<void> {
  const sandbox = await pickSandbox(services, args[0]);
  if (!sandbox) return;
  const { name } = sandbox.instance;
  const question = vscode.l10n.t("Remove the sandbox {0} for good, with all that was done in it?", name);
  if (!(await confirm(question, vscode.l10n.t("Discard")))) return;
  const client = await services.mirror.client();
  await withCancellableProgress(vscode.l10n.t("Discarding {0}", name), async (signal, onProgress) => {
    const operation = await client.api.instances.delete({ name, purge: true }, { signal });
    await client.watchOperation(operation, { signal, onProgress });
  });
  await forget(sandbox.place);
}

async function agreesTo(
  name: string,
  folder: string,
  changes: readonly { path: string; kind: "added" | "modified" | "deleted" }[],
) {
  const obeyed = changes.filter(({ path }) => isObeyed(path)).map(({ path }) => path);
  const detail = [
    countText(changes),
    ...(obeyed.length > 0
      ? [vscode.l10n.t("Programs of this computer obey these: {0}", obeyed.join(", "))]
      : []),
  ].join("\n");
  const question = vscode.l10n.t("Make the changes of {0} in {1}?", name, folder);
  return confirm(question, vscode.l10n.t("Accept"), detail);
}

async function reviewed<T>(
  { mirror, platform }: Services,
  sandbox: Sandbox,
  use: (review: Review, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { reviewSandbox } = await import("../agent/sandbox/review.ts");
  const client = await mirror.client();
  const title = vscode.l10n.t("Reading the changes of {0}", sandbox.instance.name);
  const end = new AbortController();
  const review = await withCancellableProgress(title, (signal, report) => {
    let done = 0;
    const onBytes = (bytes: number) => {
      done += bytes;
      report({ phase: "transfer", done });
    };
    return reviewSandbox(sandbox, { client, platform, signal, onBytes });
  });
  try {
    return await use(review, end.signal);
  } finally {
    await review.dispose();
  }
}

async function textsOf(review: Review): Promise<ChangedTexts[]> {
  const { sideText } = await import("../agent/sandbox/diff-text.ts");
  const noText = vscode.l10n.t("(This file is not text, or is larger than 1 MiB.)");
  const all: ChangedTexts[] = [];
  for (const change of review.changes) {
    const [before, after] = [review.before(change), review.after(change)];
    all.push({
      path: change.path,
      before: before === undefined ? undefined : ((await sideText(before, change.before)) ?? noText),
      after: after === undefined ? undefined : ((await sideText(after, change.after)) ?? noText),
    });
  }
  return all;
}

async function pickFolder(): Promise<vscode.Uri | undefined> {
  const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === "file");
  if (folders.length === 1) return folders[0]?.uri;
  if (folders.length > 1) {
    const placeHolder = vscode.l10n.t("A sandbox of which folder?");
    return (await vscode.window.showWorkspaceFolderPick({ placeHolder }))?.uri;
  }
  const openLabel = vscode.l10n.t("Make a Sandbox of It");
  const options = { canSelectFolders: true, canSelectFiles: false, openLabel };
  return (await vscode.window.showOpenDialog(options))?.[0];
}

/** The one that is named, the only one, or the one that is chosen. */
async function pickSandbox({ mirror }: Services, named?: unknown): Promise<Sandbox | undefined> {
  const { api } = await mirror.client();
  const sandboxes = sandboxesIn(currentPaths());
  if (typeof named === "string") return findSandbox(api, sandboxes, named);
  const { found } = await listSandboxes(api, sandboxes);
  if (found.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t("There is no sandbox yet."));
    return undefined;
  }
  if (found.length === 1) return found[0];
  const picks = found.map((sandbox) => ({
    label: sandbox.instance.name,
    description: sandbox.record.folder,
    sandbox,
  }));
  return (await vscode.window.showQuickPick(picks, { placeHolder: vscode.l10n.t("Which sandbox?") }))
    ?.sandbox;
}
