/** One question of a multi-step quick input: a list or a text box, with step numbers and a back button. */
import * as vscode from "vscode";
import { deferred } from "../base/async.ts";
import { DisposableStore } from "../base/disposable.ts";

/** The user wants the question before this one. */
export const BACK = Symbol("back");

/** An answer, the way back, or undefined when the user gave up. */
export type Reply<T> = T | typeof BACK | undefined;

/** A question that stands alone is no step of anything. */
export type Frame = { title: string; step?: number; total?: number };

export type PickStep<T extends vscode.QuickPickItem> = {
  placeholder: string;
  /** There at once, above what is loaded. */
  first?: readonly T[];
  /** Shown as busy until it resolves. */
  load: () => Promise<readonly T[]>;
  /** What to show when loading failed. */
  failed?: (error: unknown) => readonly T[];
  isActive?: (item: T) => boolean;
  /** An item made from what was typed, offered first. */
  typed?: (text: string) => T | undefined;
  /** False for items that only tell something. */
  accepts?: (item: T) => boolean;
};

export async function pickStep<T extends vscode.QuickPickItem>(
  frame: Frame,
  options: PickStep<T>,
): Promise<Reply<T>> {
  const store = new DisposableStore();
  const pick = store.add(vscode.window.createQuickPick<T>());
  prepare(pick, frame);
  pick.placeholder = options.placeholder;
  pick.matchOnDescription = true;
  pick.matchOnDetail = true;
  const reply = deferred<Reply<T>>();
  const { first = [] } = options;
  let loaded: readonly T[] = [];
  const show = () => {
    const typed = options.typed?.(pick.value);
    pick.items = [...first, ...loaded, ...(typed ? [typed] : [])];
  };
  store.add(pick.onDidHide(() => reply.resolve(undefined)));
  store.add(pick.onDidTriggerButton(() => reply.resolve(BACK)));
  if (options.typed) store.add(pick.onDidChangeValue(show));
  store.add(
    pick.onDidAccept(() => {
      const [item] = pick.selectedItems;
      if (item && (options.accepts?.(item) ?? true)) reply.resolve(item);
    }),
  );
  show();
  pick.show();
  void fill();
  try {
    return await reply.promise;
  } finally {
    store.dispose();
  }

  async function fill(): Promise<void> {
    pick.busy = true;
    try {
      loaded = await options.load();
    } catch (error) {
      loaded = options.failed?.(error) ?? [];
      if (!options.failed) reply.reject(error);
    }
    if (store.disposed) return;
    pick.busy = false;
    show();
    const all = [...first, ...loaded];
    const active =
      all.find((item) => options.isActive?.(item)) ?? all.find((item) => options.accepts?.(item));
    if (active && pick.value === "") pick.activeItems = [active];
  }
}

export type InputStep = {
  prompt: string;
  value: string;
  validate: (text: string) => { message: string; refused: boolean } | undefined;
};

export async function inputStep(frame: Frame, options: InputStep): Promise<Reply<string>> {
  const store = new DisposableStore();
  const input = store.add(vscode.window.createInputBox());
  prepare(input, frame);
  input.prompt = options.prompt;
  input.value = options.value;
  const reply = deferred<Reply<string>>();
  const check = (): boolean => {
    const found = options.validate(input.value);
    const { Error: error, Warning: warning } = vscode.InputBoxValidationSeverity;
    input.validationMessage = found && { message: found.message, severity: found.refused ? error : warning };
    return !found?.refused;
  };
  // Nothing is wrong with a question that was not answered yet.
  if (input.value !== "") check();
  store.add(input.onDidChangeValue(check));
  store.add(input.onDidHide(() => reply.resolve(undefined)));
  store.add(input.onDidTriggerButton(() => reply.resolve(BACK)));
  store.add(
    input.onDidAccept(() => {
      if (check()) reply.resolve(input.value);
    }),
  );
  input.show();
  try {
    return await reply.promise;
  } finally {
    store.dispose();
  }
}

function prepare(
  input: vscode.QuickInput & { buttons: readonly vscode.QuickInputButton[] },
  frame: Frame,
): void {
  input.title = frame.title;
  const { step, total } = frame;
  input.step = step;
  input.totalSteps = total;
  input.ignoreFocusOut = true;
  if (step !== undefined && step > 1) input.buttons = [vscode.QuickInputButtons.Back];
}
