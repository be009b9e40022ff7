/** The commands about containers that others have made: one becomes an instance as it is, or is let go of again. */
import * as vscode from "vscode";
import type { ForeignContainer } from "../api/foreign-container.ts";
import { type Args, say, targets } from "./actions.ts";
import { RUNTIME_NAMES } from "./container-items.ts";
import type { Services } from "./services.ts";
import { foreignIn } from "./targets.ts";
import { runOn, type Verb } from "./work.ts";

const RELEASE: Verb = {
  title: (count) => vscode.l10n.t("Releasing {0} containers", count),
  request: (api, name) => api.instances.release({ name }),
};

type Pick = vscode.QuickPickItem & { container: ForeignContainer };

/** Those whose rows it is called on; else it asks which of those that are there. */
export async function adopt(services: Services, args: Args): Promise<void> {
  const named = foreignIn(args).filter(({ otherBerth }) => !otherBerth);
  const picked = named.length > 0 ? named : await pick(services);
  const client = await services.mirror.client();
  for (const { id, runtime } of picked) {
    const operation = await client.api.foreignContainers.adopt({ container: id, runtime });
    const { target } = await client.watchOperation(operation);
    say(vscode.l10n.t("{0} is an instance now.", target));
  }
}

async function pick({ mirror }: Services): Promise<ForeignContainer[]> {
  const client = await mirror.client();
  const { items } = await client.api.foreignContainers.list({});
  const picks = items.filter(({ otherBerth }) => !otherBerth).map(pickOf);
  if (picks.length === 0) {
    say(vscode.l10n.t("There are no containers here but Berth's own."));
    return [];
  }
  const picked = await vscode.window.showQuickPick(picks, {
    title: vscode.l10n.t("Adopt a Container"),
    placeHolder: vscode.l10n.t("Which container? It stays as it is, and goes on running."),
    matchOnDescription: true,
  });
  return picked ? [picked.container] : [];
}

function pickOf(container: ForeignContainer): Pick {
  const { name, image, runtime, state } = container;
  return { label: name, description: [image, RUNTIME_NAMES[runtime], state].join(" · "), container };
}

/** Nothing of them is lost, so nothing is asked. */
export async function release(services: Services, args: Args): Promise<void> {
  await runOn(services, RELEASE, await targets(services, "release", args));
}
