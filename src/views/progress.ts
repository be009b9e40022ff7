/** Work that the user waits for. The only place where vscode's cancellation token becomes an AbortSignal. */
import * as vscode from "vscode";
import type { Progress } from "../api/operation.ts";
import { longProgressText } from "./phrases.ts";

/** What the engine says of an operation, or words. */
export type Report = (progress: Progress | string) => void;

/** A notification with a Cancel button; pressing it aborts the signal, and the task's rejection is passed on. */
export async function withCancellableProgress<T>(
  title: string,
  task: (signal: AbortSignal, report: Report) => Promise<T>,
): Promise<T> {
  return vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title, cancellable: true },
    async (progress, token) => {
      const { signal, dispose } = toSignal(token);
      try {
        return await task(signal, (now) =>
          progress.report({ message: typeof now === "string" ? now : longProgressText(now) }),
        );
      } finally {
        dispose();
      }
    },
  );
}

/** The thin bar above the tree, for work whose rows tell the rest. */
export async function withViewProgress<T>(task: () => Promise<T>): Promise<T> {
  return vscode.window.withProgress({ location: { viewId: "berth.instances" } }, task);
}

export function toSignal(token: vscode.CancellationToken): { signal: AbortSignal; dispose: () => void } {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort();
  const subscription = token.onCancellationRequested(() => controller.abort());
  return { signal: controller.signal, dispose: () => subscription.dispose() };
}
