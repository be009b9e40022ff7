/** Files and folders that are dropped onto an instance are copied into it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import * as vscode from "vscode";
import { showError } from "./errors.ts";
import { FILES_SCHEME } from "./files.ts";
import type { Services, TreeNode } from "./services.ts";

const URIS = "text/uri-list";
const FILES = "files";

/** `services` is asked for when something is dropped: the tree is made before they are. */
export function dropController(services: () => Services): vscode.TreeDragAndDropController<TreeNode> {
  return {
    dragMimeTypes: [],
    dropMimeTypes: [URIS, FILES],
    async handleDrop(target, data) {
      const given = services();
      try {
        await drop(given, target, data);
      } catch (error) {
        void showError(error, { log: given.log });
      }
    },
  };
}

async function drop(
  services: Services,
  target: TreeNode | undefined,
  data: vscode.DataTransfer,
): Promise<void> {
  const instance = target?.type === "instance" ? services.model.get(target.id) : undefined;
  if (!instance) {
    void vscode.window.showInformationMessage(
      vscode.l10n.t("Drop files on an instance to copy them into it."),
    );
    return;
  }
  const named = urisIn((await data.get(URIS)?.asString()) ?? "");
  const inGuests = named.filter(({ scheme }) => scheme === FILES_SCHEME);
  if (inGuests.length > 0) {
    const { copyAcross } = await import("./browse-files.ts");
    await copyAcross(services, instance, inGuests);
    if (inGuests.length === named.length) return;
  }
  const uris = named.filter(({ scheme }) => scheme !== FILES_SCHEME);
  const { copyInto } = await import("./sharing.ts");
  if (uris.length > 0) return copyInto(services, instance.name, uris);
  const files = [...data].flatMap(([, item]) => item.asFile() ?? []);
  if (files.length > 0) await withCopies(files, (copies) => copyInto(services, instance.name, copies));
}

/** One address a line; a line that begins with `#` is a comment. */
function urisIn(text: string): vscode.Uri[] {
  const lines = text.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("#"));
  return lines.map((line) => vscode.Uri.parse(line));
}

/** What a browser hands over has content and no path: it is written to a directory that is gone afterwards. */
async function withCopies(
  files: readonly vscode.DataTransferFile[],
  use: (uris: readonly vscode.Uri[]) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), "berth-drop-"));
  try {
    const uris: vscode.Uri[] = [];
    for (const file of files) {
      const copy = path.join(directory, path.basename(file.name));
      if (file.uri?.scheme !== "file") await writeFile(copy, await file.data());
      uris.push(file.uri?.scheme === "file" ? file.uri : vscode.Uri.file(copy));
    }
    await use(uris);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
