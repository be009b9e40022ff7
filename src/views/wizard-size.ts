/** The launch wizard's questions after sizes, and whether it shall be encrypted, which stands among them. */
import * as vscode from "vscode";
import type { EngineInfo } from "../api/engine-info.ts";
import type { EngineClient } from "../client/engine-client.ts";
import { BACK, type Frame, inputStep, pickStep, type Reply } from "./quick-steps.ts";
import type { Draft } from "./wizard.ts";
import * as choices from "./wizard-choices.ts";

type SizeContext = {
  host: choices.Host;
  /** What is usual, where instances can be encrypted here; undefined where they cannot. */
  encryption: Promise<boolean | undefined>;
};

/** Whether it is on unless told otherwise; undefined where nothing can be encrypted now. */
export async function encryptionOn({ api }: EngineClient, engine: EngineInfo): Promise<boolean | undefined> {
  try {
    const [status, settings] = await Promise.all([api.keys.status(), api.settings.get()]);
    return choices.canEncrypt(status, engine) ? settings["instances.encrypted"] : undefined;
  } catch {
    return undefined;
  }
}

type SizePick = vscode.QuickPickItem & Partial<choices.SizeChoice> & { toggles?: true };

/** The last row, where there is one, turns encryption on or off; then the question is asked again. */
export async function askSize(
  frame: Frame,
  draft: Draft,
  { host, encryption }: SizeContext,
): Promise<Reply<Draft>> {
  const usual = await encryption;
  const offered = usual !== undefined;
  let encrypted = draft.encrypted ?? usual ?? false;
  for (let toggled = false; ; toggled = true) {
    const reply = await pickStep<SizePick>(frame, {
      placeholder: vscode.l10n.t(
        "How large? This host has {0} and {1} of memory.",
        choices.cpusOf(host),
        choices.amount(host.memoryBytes),
      ),
      load: async () => [...choices.sizeChoices(host), ...(offered ? encryptionPicks(encrypted) : [])],
      isActive: ({ toggles, preset }) =>
        toggled ? toggles === true : preset !== undefined && preset === draft.preset,
    });
    if (reply === undefined || reply === BACK) return reply;
    if (reply.preset) return { preset: reply.preset, ...(offered ? { encrypted } : {}) };
    encrypted = !encrypted;
  }
}

function encryptionPicks(encrypted: boolean): SizePick[] {
  return [
    { label: "", kind: vscode.QuickPickItemKind.Separator },
    {
      label: `$(${encrypted ? "lock" : "unlock"}) ${vscode.l10n.t("Encrypt It")}`,
      description: encrypted ? vscode.l10n.t("on") : vscode.l10n.t("off"),
      detail: vscode.l10n.t("its disks and its suspended memory"),
      toggles: true,
    },
  ];
}

type NumberStep = {
  prompt: string;
  value: string;
  read: (text: string) => choices.Typed;
  toDraft: (value: number) => Draft;
};

export async function askNumber(
  frame: Frame,
  { prompt, value, read, toDraft }: NumberStep,
): Promise<Reply<Draft>> {
  const reply = await inputStep(frame, {
    prompt,
    value,
    validate: (text) => {
      const typed = read(text);
      if ("refused" in typed) return { message: typed.refused, refused: true };
      return typed.warning === undefined ? undefined : { message: typed.warning, refused: false };
    },
  });
  if (reply === undefined || reply === BACK) return reply;
  const typed = read(reply);
  return "refused" in typed ? BACK : toDraft(typed.value);
}
