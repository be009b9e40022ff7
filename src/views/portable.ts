/** The commands about instances as files: a VM or a container's file system to one, and a VM of one, or of a disk alone. */
import { homedir } from "node:os";
import path from "node:path";
import * as vscode from "vscode";
import type { Instance } from "../api/instance.ts";
import { NAME_PATTERN, NAME_RULE } from "../api/names.ts";
import type { ExportOpen } from "../api/streams.ts";
import { VM_FILE_HEAD_BYTES, vmFileKind } from "../api/vm-file.ts";
import { streamFileDurable } from "../base/durable.ts";
import { EngineError } from "../base/errors.ts";
import { peek } from "../base/peek.ts";
import { readingOf, sendAll, wholeOf } from "../client/carry.ts";
import { type Args, say, targets } from "./actions.ts";
import { newPassphrase } from "./keys.ts";
import { type Report, withCancellableProgress } from "./progress.ts";
import type { Services } from "./services.ts";

/** What the file of a VM is called. */
const VM_SUFFIX = "berth";

export async function exportInstance(services: Services, args: Args): Promise<void> {
  const [instance] = await targets(services, "export", args);
  if (!instance) return;
  const { name, kind } = instance;
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(homedir());
  const chosen = await vscode.window.showSaveDialog({
    title: vscode.l10n.t("Export {0}", name),
    saveLabel: vscode.l10n.t("Export"),
    defaultUri: vscode.Uri.joinPath(folder, `${name}.${kind === "vm" ? VM_SUFFIX : "tar"}`),
  });
  if (!chosen) return;
  const file = onDisk(chosen, "export");
  const open = await protectionOf(instance);
  if (!open) return;
  const client = await services.mirror.client();
  await withCancellableProgress(vscode.l10n.t("Exporting {0}", name), async (signal, report) => {
    const work = await client.export(name, open, { signal });
    const told = (done: number) => report({ phase: "export", done });
    await streamFileDurable(file, wholeOf(work, told), signal);
  });
  say(vscode.l10n.t("{0} is exported to {1}.", name, path.basename(file)));
}

/** Nothing of an encrypted VM is left readable unless that is asked for. Undefined when the user gave up. */
async function protectionOf({ kind, encrypted }: Instance): Promise<ExportOpen | undefined> {
  if (kind !== "vm") return {};
  const seal = vscode.l10n.t("Encrypt the File by a Passphrase…");
  const leave = vscode.l10n.t("Leave It Readable for Whoever Has It");
  const title = vscode.l10n.t("Who may read the file?");
  const chosen = await vscode.window.showQuickPick(encrypted ? [seal, leave] : [leave, seal], { title });
  if (chosen === undefined) return undefined;
  if (chosen === leave) return encrypted ? { plain: true } : {};
  const passphrase = await newPassphrase(
    vscode.l10n.t("Encrypt the File"),
    vscode.l10n.t("Without this passphrase nobody can import it."),
  );
  return passphrase === undefined ? undefined : { passphrase };
}

export async function importInstance(services: Services): Promise<void> {
  const [chosen] =
    (await vscode.window.showOpenDialog({
      title: vscode.l10n.t("Import a VM: a File of Berth, or a Disk"),
      openLabel: vscode.l10n.t("Import"),
    })) ?? [];
  if (!chosen) return;
  const file = onDisk(chosen, "import");
  const source = await readingOf(file);
  try {
    const { head, all } = await peek(source, VM_FILE_HEAD_BYTES);
    const kind = vmFileKind(head);
    const passphrase = kind === "sealed" ? await passphraseOf(file) : undefined;
    if (kind === "sealed" && !passphrase) return;
    const as = await newName(services, file);
    if (as === undefined) return;
    const title = vscode.l10n.t("Importing {0}", as);
    await withCancellableProgress(title, (signal, report) =>
      kind === undefined
        ? importDisk(services, { file, as }, signal, report)
        : importFile(services, all, { as, ...(passphrase ? { passphrase } : {}) }, signal, report),
    );
    say(vscode.l10n.t("{0} is made of {1}.", as, path.basename(file)));
  } finally {
    source.destroy();
  }
}

async function importFile(
  services: Services,
  file: AsyncIterable<Buffer>,
  open: { as: string; passphrase?: string },
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  const client = await services.mirror.client();
  const work = await client.importInstance(open, { signal });
  const told = (done: number) => report({ phase: "import", done });
  await sendAll(file, work, { doing: `import ${open.as}`, told });
}

/** The engine says of what is no disk that it is none. */
async function importDisk(
  services: Services,
  { file, as }: { file: string; as: string },
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  const client = await services.mirror.client();
  const operation = await client.api.instances.importDisk({ name: as, source: file });
  await client.watchOperation(operation, { signal, onProgress: report });
}

async function passphraseOf(file: string): Promise<string | undefined> {
  return vscode.window.showInputBox({
    title: vscode.l10n.t("Import {0}", path.basename(file)),
    prompt: vscode.l10n.t("The passphrase that the file is encrypted by"),
    password: true,
    ignoreFocusOut: true,
  });
}

/** That of the file, where it can be one. */
async function newName({ model }: Services, file: string): Promise<string | undefined> {
  const taken = new Set(model.all().map(({ name }) => name));
  const suggestion = path.basename(file).replace(/\..*$/, "");
  const name = await vscode.window.showInputBox({
    title: vscode.l10n.t("Import {0}", path.basename(file)),
    prompt: vscode.l10n.t("What is the new instance called?"),
    value: NAME_PATTERN.test(suggestion) && !taken.has(suggestion) ? suggestion : "",
    ignoreFocusOut: true,
    validateInput: (text) => {
      if (!NAME_PATTERN.test(text.trim())) return NAME_RULE;
      return taken.has(text.trim()) ? vscode.l10n.t("{0} exists already.", text.trim()) : undefined;
    },
  });
  return name?.trim();
}

function onDisk({ scheme, fsPath, path: named }: vscode.Uri, verb: string): string {
  if (scheme === "file") return fsPath;
  throw new EngineError("not-supported", `cannot ${verb} ${named}: it is not on this host's disk`);
}
