/** The commands about images: pull, remove, prune, launch of one. */
import * as vscode from "vscode";
import { type Args, say } from "./actions.ts";
import { showError } from "./errors.ts";
import { groupImages } from "./image-groups.ts";
import { cachedItem, sortCached } from "./image-items.ts";
import type { ImageNode } from "./images-view.ts";
import { launchWithWizard } from "./launch.ts";
import { listText, sizeText } from "./phrases.ts";
import { withCancellableProgress } from "./progress.ts";
import { confirm } from "./prompts.ts";
import type { Services } from "./services.ts";
import { typedReference } from "./wizard-choices.ts";

export async function pullImage(services: Services, args: Args): Promise<void> {
  const rows = nodesIn(args).flatMap((node) =>
    node.type === "available-image" && !node.choice.cached ? [node.choice.reference] : [],
  );
  const references = rows.length > 0 ? rows : await askReference(services);
  await Promise.all([...new Set(references)].map((reference) => pull(services, reference)));
}

async function pull(services: Services, reference: string): Promise<void> {
  try {
    const client = await services.mirror.client();
    const operation = await client.api.images.pull({ reference });
    await withCancellableProgress(vscode.l10n.t("Pulling {0}", reference), (signal, report) =>
      client.watchOperation(operation, { signal, onProgress: report }),
    );
    say(vscode.l10n.t("The image {0} is on this host.", reference));
  } catch (error) {
    void showError(error, { log: services.log, retry: () => void pull(services, reference) });
  }
}

type Pick = vscode.QuickPickItem & { reference?: string };

/** From the catalogs, or typed. */
async function askReference(services: Services): Promise<string[]> {
  const { api } = await services.mirror.client();
  const { items } = await api.images.find({ query: "" });
  const known = new Set(items.flatMap(({ reference, aliases }) => [reference, ...aliases]));
  const listed = groupImages(items.filter(({ cached }) => !cached)).flatMap(({ title, choices }): Pick[] => [
    { label: title, kind: vscode.QuickPickItemKind.Separator },
    ...choices.map(({ label, description, detail, reference }) => ({
      label,
      description,
      detail,
      reference,
    })),
  ]);
  const pick = vscode.window.createQuickPick<Pick>();
  pick.title = vscode.l10n.t("Pull an Image");
  pick.placeholder = vscode.l10n.t("Which image? Search, or type a file:// or https:// address");
  pick.matchOnDescription = true;
  pick.matchOnDetail = true;
  pick.items = listed;
  const picked = await new Promise<Pick | undefined>((resolve) => {
    pick.onDidChangeValue((text) => {
      const reference = typedReference(text, known);
      const label = `$(arrow-right) ${vscode.l10n.t("Use “{0}”", reference ?? "")}`;
      pick.items = reference === undefined ? listed : [...listed, { label, reference, alwaysShow: true }];
    });
    pick.onDidAccept(() => resolve(pick.selectedItems[0]));
    pick.onDidHide(() => resolve(undefined));
    pick.show();
  });
  pick.dispose();
  return picked?.reference === undefined ? [] : [picked.reference];
}

/** An image that is on this host is launched by what it was asked for by, so that the same one is taken. */
export async function launchImage(services: Services, args: Args): Promise<void> {
  const [node] = nodesIn(args);
  if (node?.type === "cached-image") {
    await launchWithWizard(services, { image: node.image.reference, os: node.image.os });
  } else if (node?.type === "available-image") {
    await launchWithWizard(services, { image: node.choice.reference, os: node.choice.os });
  }
}

export async function removeImage(services: Services, args: Args): Promise<void> {
  const { api } = await services.mirror.client();
  const rows = nodesIn(args).flatMap((node) => (node.type === "cached-image" ? [node.image] : []));
  const images = rows.length > 0 ? rows : await pickCached(services);
  const unused = images.filter(({ usedBy }) => usedBy.length === 0);
  if (unused.length === 0) return;
  const names = listText(unused.map((image) => cachedItem(image, new Date()).label));
  const bytes = unused.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (!(await confirmed(vscode.l10n.t("Remove {0} from this host?", names), bytes))) return;
  let freed = 0;
  for (const { id } of unused) freed += (await api.images.remove({ id })).freedBytes;
  say(vscode.l10n.t("{0} are free again.", sizeText(freed)));
}

async function pickCached(services: Services) {
  const { api } = await services.mirror.client();
  const images = sortCached((await api.images.cached()).items).filter(({ usedBy }) => usedBy.length === 0);
  if (images.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t("There is no unused image on this host."));
    return [];
  }
  const picks = images.map((image) => {
    const { label, description } = cachedItem(image, new Date());
    return { label, description, image };
  });
  const placeHolder = vscode.l10n.t("Remove which image? Those that instances use are not listed.");
  const picked = await vscode.window.showQuickPick(picks, { placeHolder, canPickMany: true });
  return picked?.map(({ image }) => image) ?? [];
}

export async function pruneImages(services: Services): Promise<void> {
  const { api } = await services.mirror.client();
  const unused = (await api.images.cached()).items.filter(({ usedBy }) => usedBy.length === 0);
  if (unused.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t("There is no unused image on this host."));
    return;
  }
  const bytes = unused.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const question =
    unused.length === 1
      ? vscode.l10n.t("Remove 1 unused image?")
      : vscode.l10n.t("Remove {0} unused images?", unused.length);
  if (!(await confirmed(question, bytes))) return;
  const { freedBytes } = await api.images.prune();
  say(vscode.l10n.t("{0} are free again.", sizeText(freedBytes)));
}

function confirmed(question: string, bytes: number): Promise<boolean> {
  const detail = vscode.l10n.t(
    "{0} become free. A launch that needs it again downloads it again.",
    sizeText(bytes),
  );
  return confirm(question, vscode.l10n.t("Remove"), detail);
}

export async function refreshImages(services: Services): Promise<void> {
  await services.mirror.client();
  services.refreshImages();
}

function nodesIn([first, all]: Args): ImageNode[] {
  const isNode = (value: unknown): value is ImageNode =>
    typeof value === "object" && value !== null && "type" in value;
  if (!isNode(first)) return [];
  return Array.isArray(all) && all.length > 0 ? all.filter(isNode) : [first];
}
