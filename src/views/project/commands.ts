/** Up and down of the instances that a workspace's file describes; looking at the file. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { EngineError, messageOf } from "../../base/errors.ts";
import { selected } from "../../client/project/plan.ts";
import { bringDown, bringUp, type Caller } from "../../client/project/up.ts";
import { readUserData } from "../../client/user-data.ts";
import { showError } from "../errors.ts";
import { listText, longProgressText } from "../phrases.ts";
import { type Report, withCancellableProgress } from "../progress.ts";
import type { Services } from "../services.ts";
import type { ProjectNode } from "./project-view.ts";

/** A file, and the instances of it that are meant; all where none is named. */
type Target = { uri: vscode.Uri; names: readonly string[] };

export async function projectUp(services: Services, args: readonly unknown[]): Promise<void> {
  const target = await targetOf(services, args);
  if (!target) return;
  const { project, names } = await readTarget(target);
  const all = selected(project, names);
  const directory = path.dirname(target.uri.fsPath);
  const warnings: string[] = [];
  await following(services, vscode.l10n.t("Bringing {0} up", listText(all)), {
    retry: () => void projectUp(services, [target]),
    work: async (caller, onDone) => {
      const note = (text: string) => {
        if (text.startsWith("warning: ")) warnings.push(text.slice("warning: ".length));
        caller.note(text);
      };
      await bringUp({ ...caller, note }, { project, directory }, names, onDone);
      const told = vscode.l10n.t("Up: {0}.", listText(all));
      if (warnings.length === 0) void vscode.window.showInformationMessage(told);
      else void vscode.window.showWarningMessage([told, ...warnings].join(" "));
    },
  });
}

export async function projectDown(services: Services, args: readonly unknown[]): Promise<void> {
  const target = await targetOf(services, args);
  if (!target) return;
  const { project, names } = await readTarget(target);
  const all = names.length > 0 ? names : Object.keys(project.instances);
  await following(services, vscode.l10n.t("Bringing {0} down", listText(all)), {
    retry: () => void projectDown(services, [target]),
    work: (caller, onDone) => bringDown(caller, project, all, { remove: false, onDown: onDone }),
  });
}

/** What a file begins with that is not there yet. It is written when the user saves it. */
const BEGINNING = `# Instances of this workspace. Berth: Up makes them be and run as written here.
instances:
  web:
    image: "24.04"
    memory: 1G
`;

/** Reads the files again, and asks the engine how the instances are. */
export async function refreshProject({ mirror, projects }: Services): Promise<void> {
  await projects.refresh();
  if (vscode.workspace.isTrusted) await mirror.client();
}

export async function openProject(services: Services, args: readonly unknown[]): Promise<void> {
  const node = args.find(isNode);
  const uri = node?.type === "project-trust" ? undefined : node?.file.uri;
  if (!uri && services.projects.files.length === 0) return beginFile();
  const chosen = uri ?? (await pickFile(services));
  if (!chosen) return;
  const line =
    node?.type === "project-note"
      ? node.line
      : node?.type === "project-instance"
        ? (node.file.lines.get(node.name) ?? 0)
        : 0;
  await vscode.window.showTextDocument(chosen, { selection: new vscode.Range(line, 0, line, 0) });
}

async function beginFile(): Promise<void> {
  const folders = (vscode.workspace.workspaceFolders ?? []).filter((one) => one.uri.scheme === "file");
  const placeHolder = vscode.l10n.t("A berth.yaml in which folder?");
  const folder =
    folders.length > 1 ? await vscode.window.showWorkspaceFolderPick({ placeHolder }) : folders[0];
  if (!folder) return;
  const uri = vscode.Uri.joinPath(folder.uri, "berth.yaml").with({ scheme: "untitled" });
  const editor = await vscode.window.showTextDocument(uri);
  if (editor.document.getText() === "")
    await editor.edit((edit) => edit.insert(new vscode.Position(0, 0), BEGINNING));
}

type Work = {
  retry: () => void;
  work: (caller: Caller, onDone: (name: string) => void) => Promise<void>;
};

/** One progress for all of it; cancelling it cancels the engine's operations that are under way. */
async function following(services: Services, title: string, { work, retry }: Work): Promise<void> {
  try {
    await withCancellableProgress(title, async (signal, report) => {
      await work(callerOf(services, signal, report), (name) => services.log.info(`${title}: ${name}`));
    });
  } catch (error) {
    void showError(error, { log: services.log, retry });
  }
}

function callerOf({ mirror, log }: Services, signal: AbortSignal, report: Report): Caller {
  return {
    signal,
    client: () => mirror.client(),
    operate: async (begin) => {
      signal.throwIfAborted();
      const client = await mirror.client();
      const operation = await begin(client.api);
      const onProgress = (now: Parameters<typeof longProgressText>[0]) =>
        report(`${operation.target}: ${longProgressText(now)}`);
      const ended = await client.watchOperation(operation, { signal, onProgress });
      for (const warning of ended.warnings) log.warn(`${operation.target}: ${warning}`);
      return ended;
    },
    userData: (from) => readUserData(from, { signal }),
    note: (text) => {
      log.info(text);
      report(text);
    },
  };
}

/** What the user sees is what is read: an editor that holds changes is saved first. */
async function readTarget({ uri, names }: Target) {
  const open = vscode.workspace.textDocuments.find((one) => one.uri.toString() === uri.toString());
  if (open?.isDirty) await open.save();
  const file = path.basename(uri.fsPath);
  let text: string;
  try {
    text = await readFile(uri.fsPath, "utf8");
  } catch (error) {
    throw new EngineError("invalid-argument", `cannot read ${file}: ${messageOf(error)}`);
  }
  const { parseProject } = await import("../../client/project/parse.ts");
  const project = parseProject(text, file);
  const gone = names.find((name) => !Object.hasOwn(project.instances, name));
  if (gone !== undefined)
    throw new EngineError("not-found", `cannot find ${gone}: ${file} has no such instance`);
  return { project, names };
}

/** Of rows, of the file that is edited, or of the one that is chosen. Files of an untrusted workspace start nothing. */
async function targetOf(services: Services, args: readonly unknown[]): Promise<Target | undefined> {
  if (!vscode.workspace.isTrusted) {
    throw new EngineError("permission-denied", "cannot use berth.yaml: this workspace is not trusted", {
      hint: vscode.l10n.t("Trust it first: Manage Workspace Trust."),
    });
  }
  const [first, all] = args;
  if (isTarget(first)) return first;
  if (first instanceof vscode.Uri) return { uri: first, names: [] };
  if (isNode(first) && first.type !== "project-trust") {
    const nodes = Array.isArray(all) && all.length > 0 ? all.filter(isNode) : [first];
    const { uri } = first.file;
    const names = nodes.flatMap((node) =>
      node.type === "project-instance" && node.file.uri.toString() === uri.toString() ? [node.name] : [],
    );
    return { uri, names };
  }
  const uri = await pickFile(services);
  return uri && { uri, names: [] };
}

async function pickFile({ projects }: Services): Promise<vscode.Uri | undefined> {
  const { files } = projects;
  if (files.length <= 1) return files[0]?.uri;
  const picks = files.map(({ uri, folder }) => ({
    label: folder,
    description: path.basename(uri.fsPath),
    uri,
  }));
  const placeHolder = vscode.l10n.t("The file of which folder?");
  return (await vscode.window.showQuickPick(picks, { placeHolder }))?.uri;
}

function isNode(value: unknown): value is ProjectNode {
  return (
    typeof value === "object" && value !== null && "type" in value && String(value.type).startsWith("project")
  );
}

function isTarget(value: unknown): value is Target {
  return typeof value === "object" && value !== null && "uri" in value && "names" in value;
}
