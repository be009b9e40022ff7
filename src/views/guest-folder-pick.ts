/** Walking through a guest's directories in a quick pick, until one is chosen. */
import path from "node:path";
import * as vscode from "vscode";
import { deferred } from "../base/async.ts";
import { DisposableStore } from "../base/disposable.ts";
import { messageOf } from "../base/errors.ts";
import { type GuestFolder, listFolders } from "../client/remote/guest-folders.ts";
import type { GuestEnd } from "../client/transfer/in-guest.ts";
import { withoutControls } from "./plain-text.ts";

export type ChosenFolder = { path: string; newWindow: boolean };

type Item = vscode.QuickPickItem & { opens?: string; goes?: string };

/** Undefined when the user gave up. `end`'s signal ends it, too. */
export async function pickGuestFolder(
  end: GuestEnd,
  title: string,
  start: string | undefined,
): Promise<ChosenFolder | undefined> {
  const store = new DisposableStore();
  const pick = store.add(vscode.window.createQuickPick<Item>());
  const reply = deferred<ChosenFolder | undefined>();
  let shown: GuestFolder | undefined;
  let asked = 0;

  const show = () => {
    if (shown) pick.items = [...typed(pick.value, shown), ...rows(shown)];
  };
  const go = async (to: string) => {
    asked += 1;
    const turn = asked;
    pick.busy = true;
    try {
      const found = await listFolders(end, to);
      if (turn !== asked || store.disposed) return;
      shown = found;
      pick.value = "";
      pick.placeholder = vscode.l10n.t("A folder of {0}, or a path", end.instance);
      show();
    } catch (error) {
      if (turn !== asked || store.disposed) return;
      if (!shown) return reply.reject(error);
      pick.placeholder = messageOf(error);
      pick.value = "";
    } finally {
      if (turn === asked && !store.disposed) pick.busy = false;
    }
  };
  pick.title = title;
  pick.ignoreFocusOut = true;
  store.add(pick.onDidChangeValue(show));
  store.add(pick.onDidHide(() => reply.resolve(undefined)));
  store.add(
    pick.onDidTriggerItemButton(({ item }) => {
      if (item.opens !== undefined) reply.resolve({ path: item.opens, newWindow: true });
    }),
  );
  store.add(
    pick.onDidAccept(() => {
      const [item] = pick.selectedItems;
      if (item?.opens !== undefined) reply.resolve({ path: item.opens, newWindow: false });
      else if (item?.goes !== undefined) void go(item.goes);
    }),
  );
  pick.show();
  void go(start ?? "");
  try {
    return await reply.promise;
  } finally {
    store.dispose();
  }
}

function rows({ path: at, folders }: GuestFolder): Item[] {
  const here: Item = {
    label: `$(folder-opened) ${vscode.l10n.t("Open {0}", withoutControls(at))}`,
    opens: at,
    alwaysShow: true,
    buttons: [
      { iconPath: new vscode.ThemeIcon("empty-window"), tooltip: vscode.l10n.t("Open in New Window") },
    ],
  };
  const up: Item[] = at === "/" ? [] : [{ label: "$(arrow-up) ..", goes: path.posix.dirname(at) }];
  const inside = folders.map((name): Item => {
    return { label: `$(folder) ${withoutControls(name)}`, goes: path.posix.join(at, name) };
  });
  return [here, ...up, ...inside];
}

/** What is typed as a path can be gone to. */
function typed(value: string, { path: at }: GuestFolder): Item[] {
  const text = value.trim();
  if (!/^[/~.]/.test(text) || !/\//.test(text)) return [];
  const to = text.startsWith("~/") ? text.slice(2) : path.posix.resolve(at, text);
  return [
    {
      label: `$(arrow-right) ${vscode.l10n.t("Go to {0}", withoutControls(text))}`,
      goes: to,
      alwaysShow: true,
    },
  ];
}
