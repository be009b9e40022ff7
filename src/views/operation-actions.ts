/** The commands about operations: cancel, look at, copy the error, clear. */
import * as vscode from "vscode";
import type { Operation } from "../api/operation.ts";
import { type Args, copy } from "./actions.ts";
import { detailsText, errorText, operationTitle } from "./operation-items.ts";
import type { Services } from "./services.ts";

export async function cancelOperation(services: Services, args: Args): Promise<void> {
  const { api } = await services.mirror.client();
  const running = operationsIn(services, args).filter(
    ({ status, cancellable }) => status === "running" && cancellable,
  );
  for (const { id } of running) await api.operations.cancel({ id });
}

export async function showOperation(services: Services, args: Args): Promise<void> {
  const [operation] = operationsIn(services, args);
  if (!operation) return;
  const show =
    operation.status === "failed" ? vscode.window.showErrorMessage : vscode.window.showInformationMessage;
  const [title = "", ...lines] = detailsText(operation).split("\n");
  const button = vscode.l10n.t("Copy");
  const answer = await show(title, { modal: true, detail: lines.join("\n").trim() }, button);
  if (answer === button) await copy([title, ...lines].join("\n"), vscode.l10n.t("Details copied."));
}

export async function copyError(services: Services, args: Args): Promise<void> {
  const texts = operationsIn(services, args).flatMap((operation) =>
    operation.error ? [`${operationTitle(operation)}: ${errorText(operation.error)}`] : [],
  );
  if (texts.length > 0) await copy(texts.join("\n\n"), vscode.l10n.t("Error copied."));
}

export async function clearEnded(services: Services): Promise<void> {
  services.clearOperations();
}

function operationsIn({ mirror }: Services, [first, all]: Args): Operation[] {
  const nodes = Array.isArray(all) && all.length > 0 ? all : [first];
  return nodes.flatMap((node: unknown) => {
    const id = typeof node === "object" && node !== null && "id" in node ? String(node.id) : "";
    return mirror.operations.get(id) ?? [];
  });
}
