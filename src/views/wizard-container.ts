/** The launch wizard's questions about a container. */
import * as vscode from "vscode";
import { typedPorts } from "./port-text.ts";
import { BACK, type Frame, inputStep, type Reply } from "./quick-steps.ts";
import { type Draft, suggestContainerName } from "./wizard.ts";
import { containerImageProblem } from "./wizard-choices.ts";

export async function askContainerImage(
  frame: Frame,
  draft: Draft,
  { taken }: { taken: ReadonlySet<string> },
): Promise<Reply<Draft>> {
  const reply = await inputStep(frame, {
    prompt: vscode.l10n.t("Which image? docker: or podman: before it says where."),
    value: draft.container ?? "",
    validate: (text) => {
      const problem = containerImageProblem(text.trim());
      return problem === undefined ? undefined : { message: problem, refused: true };
    },
  });
  if (reply === undefined || reply === BACK) return reply;
  return containerDraft(reply.trim(), draft, taken);
}

/** The answer; a name that was only proposed gives way to another proposal. */
export function containerDraft(container: string, draft: Draft, taken: ReadonlySet<string>): Draft {
  const isSuggested = draft.name === undefined || draft.name === draft.suggestedName;
  const name = suggestContainerName(container, taken);
  return { container, ...(isSuggested ? { name, suggestedName: name } : {}) };
}

export async function askPorts(frame: Frame, draft: Draft): Promise<Reply<Draft>> {
  const reply = await inputStep(frame, {
    prompt: vscode.l10n.t("Which of its ports shall this host reach? 8080:80, or several; empty for none."),
    value: (draft.ports ?? [])
      .map(({ hostPort, guestPort }) => `${hostPort ?? guestPort}:${guestPort}`)
      .join(" "),
    validate: (text) => {
      if (typedPorts(text)) return undefined;
      return { message: vscode.l10n.t("Write a port such as 80, 8080:80 or 5353:53/udp."), refused: true };
    },
  });
  return reply === undefined || reply === BACK ? reply : { ports: typedPorts(reply) ?? [] };
}
