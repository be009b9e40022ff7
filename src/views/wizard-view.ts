/** Asks the launch wizard's questions, one after the other, with a way back. The flow itself is in `wizard.ts`. */
import { readFile } from "node:fs/promises";
import * as vscode from "vscode";
import type { ImageEntry } from "../api/image.ts";
import type { Problem } from "../api/instance.ts";
import { messageOf } from "../base/errors.ts";
import { containerReference } from "../client/container-text.ts";
import type { EngineClient } from "../client/engine-client.ts";
import { groupImages } from "./image-groups.ts";
import type { Model } from "./model.ts";
import { problemText } from "./problems.ts";
import { BACK, type Frame, inputStep, pickStep, type Reply } from "./quick-steps.ts";
import {
  answer,
  back,
  type Draft,
  newWizard,
  position,
  type StepId,
  suggestName,
  type Wizard,
} from "./wizard.ts";
import * as choices from "./wizard-choices.ts";
import { askContainerImage, askPorts, containerDraft } from "./wizard-container.ts";
import { askNumber, askSize, encryptionOn } from "./wizard-size.ts";

type Context = {
  client: EngineClient;
  /** Names of the runtimes that run containers here; empty where none does. */
  runtimes: string;
  host: choices.Host;
  taken: ReadonlySet<string>;
  /** What is usual, where instances can be encrypted here; undefined where they cannot. */
  encryption: Promise<boolean | undefined>;
  images: Promise<{ items: ImageEntry[]; problems: Problem[] }>;
};

/** An image of a catalog, or one of a container with its runtime before it. */
export type Chosen = { image: string; os: string } | { container: string };

/** All answers, or undefined when the user gave up. */
export async function runWizard(
  client: EngineClient,
  model: Model,
  chosen?: Chosen,
): Promise<Draft | undefined> {
  const searching = new AbortController();
  const images = client.api.images.find({ query: "" }, { signal: searching.signal });
  images.catch(() => {});
  const engine = model.engine ?? (await client.api.engine.info());
  const context: Context = {
    client,
    host: engine.host,
    runtimes: choices.runtimesOf(engine),
    taken: new Set(model.all().map(({ name }) => name)),
    encryption: encryptionOn(client, engine),
    images,
  };
  try {
    let wizard = begun(chosen, context);
    while (wizard.step !== "done") {
      const { step, total } = position(wizard);
      const frame = { title: vscode.l10n.t("Launch an Instance"), step, total };
      const reply = await ASK[wizard.step](frame, wizard.draft, context);
      if (reply === undefined) return undefined;
      wizard = reply === BACK ? (back(wizard) ?? wizard) : answer(wizard, reply);
    }
    return wizard.draft;
  } finally {
    searching.abort();
  }
}

/** After the questions that the choice has answered. */
function begun(chosen: Chosen | undefined, context: Context): Wizard {
  const wizard = newWizard();
  if (!chosen) return wizard;
  if ("image" in chosen) return answer(wizard, imageDraft(chosen.image, chosen.os, wizard.draft, context));
  return answer(answer(wizard, containerDraft(chosen.container, wizard.draft, context.taken)), {});
}

type Ask = (frame: Frame, draft: Draft, context: Context) => Promise<Reply<Draft>>;

const ASK: Readonly<Record<StepId, Ask>> = {
  image: askImage,
  "container-image": askContainerImage,
  name: askName,
  ports: askPorts,
  size: askSize,
  cpus: (frame, draft, { host }) =>
    askNumber(frame, {
      prompt: vscode.l10n.t("How many CPUs? This host has {0}.", host.cpus),
      value: String(draft.cpus ?? 2),
      read: (text) => choices.typedCpus(text, host),
      toDraft: (cpus) => ({ cpus }),
    }),
  memory: (frame, draft, { host }) =>
    askNumber(frame, {
      prompt: vscode.l10n.t("How much memory? This host has {0}.", choices.amount(host.memoryBytes)),
      value: choices.amount(draft.memoryBytes ?? 2 * 2 ** 30),
      read: (text) => choices.typedMemory(text, host),
      toDraft: (memoryBytes) => ({ memoryBytes }),
    }),
  disk: (frame, draft, { host }) =>
    askNumber(frame, {
      prompt: vscode.l10n.t(
        "How large a disk? It grows as it fills; {0} are free on this host.",
        choices.amount(host.freeDiskBytes),
      ),
      value: choices.amount(draft.diskBytes ?? 10 * 2 ** 30),
      read: (text) => choices.typedDisk(text, host),
      toDraft: (diskBytes) => ({ diskBytes }),
    }),
  "cloud-init": askCloudInit,
};

type ImagePick = vscode.QuickPickItem & { reference?: string; os?: string; container?: true };

async function askImage(frame: Frame, draft: Draft, context: Context): Promise<Reply<Draft>> {
  const known = new Set<string>();
  const reply = await pickStep<ImagePick>(frame, {
    placeholder: vscode.l10n.t("Which image? Search, or type a file:// or https:// address"),
    // A container needs no catalog.
    first: containerPicks(context),
    load: async () => {
      const { items, problems } = await context.images;
      for (const { reference, aliases } of items) for (const name of [reference, ...aliases]) known.add(name);
      return [...problemPicks(problems), ...imagePicks(items)];
    },
    failed: (error) => [
      {
        label: `$(error) ${vscode.l10n.t("The images could not be listed")}`,
        detail: messageOf(error),
        alwaysShow: true,
      },
    ],
    isActive: (item) =>
      draft.container === undefined
        ? item.reference !== undefined && item.reference === draft.image
        : item.container === true,
    typed: (text) => {
      const reference = choices.typedReference(text, known);
      const label = `$(arrow-right) ${vscode.l10n.t("Use “{0}”", reference ?? "")}`;
      return reference === undefined ? undefined : { label, reference, os: "", alwaysShow: true };
    },
    accepts: (item) => item.reference !== undefined || item.container === true,
  });
  if (reply === undefined || reply === BACK) return reply;
  const { reference, os, container } = reply;
  if (container) return { container: draft.container ?? "" };
  // Typed with its runtime before it: the next question shows it.
  if (reference !== undefined && containerReference(reference)) return { container: reference };
  return imageDraft(reference ?? "", os ?? "", draft, context);
}

function imageDraft(image: string, os: string, draft: Draft, { taken }: Context): Draft {
  const suggested = draft.name === undefined || draft.name === draft.suggestedName;
  const name = suggestName(os, taken);
  return { image, container: undefined, ...(suggested ? { name, suggestedName: name } : {}) };
}

function containerPicks({ runtimes }: Context): ImagePick[] {
  if (runtimes === "") return [];
  const description = vscode.l10n.t("an image of a registry, on {0}", runtimes);
  return [{ label: `$(package) ${vscode.l10n.t("Container…")}`, description, container: true }];
}

function imagePicks(items: readonly ImageEntry[]): ImagePick[] {
  return groupImages(items).flatMap(({ title, choices: all }) => [
    { label: title, kind: vscode.QuickPickItemKind.Separator },
    ...all.map(({ reference, label, description, detail, os }) => ({
      label,
      description,
      detail,
      reference,
      os,
    })),
  ]);
}

/** One row above the list; choosing it does nothing. */
function problemPicks(problems: readonly Problem[]): ImagePick[] {
  const [first] = problems;
  if (!first) return [];
  if (problems.length === 1) {
    const label = `$(${first.severity}) ${problemText({ ...first, hint: undefined })}`;
    return [{ label, ...(first.hint ? { detail: first.hint } : {}) }];
  }
  const label = `$(warning) ${vscode.l10n.t("{0} catalogs could not be read", problems.length)}`;
  return [{ label, detail: problems.map(({ message }) => message).join("; ") }];
}

async function askName(frame: Frame, draft: Draft, { taken }: Context): Promise<Reply<Draft>> {
  const reply = await inputStep(frame, {
    prompt: vscode.l10n.t("What is it called? The name is also its host name."),
    value: draft.name ?? suggestName("", taken),
    validate: (text) => {
      const problem = choices.nameProblem(text.trim(), taken);
      return problem === undefined ? undefined : { message: problem, refused: true };
    },
  });
  return reply === undefined || reply === BACK ? reply : { name: reply.trim() };
}

type CloudInitPick = vscode.QuickPickItem & { choice: "none" | "editor" | "file" };

async function askCloudInit(frame: Frame, draft: Draft): Promise<Reply<Draft>> {
  const editor = vscode.window.activeTextEditor;
  const items: CloudInitPick[] = [
    { choice: "none", label: vscode.l10n.t("None"), description: vscode.l10n.t("launch the image as it is") },
    ...(editor && looksLikeCloudInit(editor.document)
      ? [
          {
            choice: "editor" as const,
            label: vscode.l10n.t("Current Editor"),
            description: vscode.workspace.asRelativePath(editor.document.uri),
          },
        ]
      : []),
    {
      choice: "file",
      label: vscode.l10n.t("Choose File…"),
      description: vscode.l10n.t("cloud-init user-data"),
    },
  ];
  for (;;) {
    const reply = await pickStep<CloudInitPick>(frame, {
      placeholder: vscode.l10n.t("Set it up with cloud-init at its first boot?"),
      load: async () => items,
      isActive: (item) => item.choice === "none" && draft.cloudInit === "none",
    });
    if (reply === undefined || reply === BACK) return reply;
    if (reply.choice === "none") return { cloudInit: "none" };
    if (reply.choice === "editor" && editor) {
      return { cloudInit: { from: editor.document.fileName, text: editor.document.getText() } };
    }
    const file = await chooseFile();
    if (file) return { cloudInit: file };
  }
}

function looksLikeCloudInit(document: vscode.TextDocument): boolean {
  const first = document.lineAt(0).text;
  return document.languageId === "yaml" || /^#(cloud-config|!|include|cloud-)/.test(first);
}

async function chooseFile(): Promise<{ from: string; text: string } | undefined> {
  const [uri] =
    (await vscode.window.showOpenDialog({
      title: vscode.l10n.t("cloud-init user-data"),
      openLabel: vscode.l10n.t("Use for Launch"),
      filters: {
        [vscode.l10n.t("cloud-init")]: ["yaml", "yml", "cfg", "txt", "sh"],
        [vscode.l10n.t("All files")]: ["*"],
      },
    })) ?? [];
  if (!uri) return undefined;
  const text = uri.scheme === "file" ? await readFile(uri.fsPath, "utf8") : await readRemote(uri);
  return { from: uri.path, text };
}

async function readRemote(uri: vscode.Uri): Promise<string> {
  return new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
}
