/** The commands about images, of machines and of containers: pull, remove, prune, launch of one. */
import * as vscode from "vscode";
import type { ContainerRuntime } from "../api/container.ts";
import type { StoredContainerImage } from "../api/container-image.ts";
import type { Operation } from "../api/operation.ts";
import { messageOf } from "../base/errors.ts";
import { containerReference } from "../client/container-text.ts";
import type { EngineApi } from "../client/engine-client.ts";
import { type Args, say } from "./actions.ts";
import { isUnused, sortStored, storedItem } from "./container-image-items.ts";
import { RUNTIME_NAMES, runtimesOn } from "./container-items.ts";
import { showError } from "./errors.ts";
import { groupImages, type ImageGroup } from "./image-groups.ts";
import { cachedItem, type ImageItem, sortCached } from "./image-items.ts";
import type { ImageNode } from "./images-view.ts";
import { launchWithWizard } from "./launch.ts";
import { listText, sizeText } from "./phrases.ts";
import { withCancellableProgress } from "./progress.ts";
import { confirm } from "./prompts.ts";
import { BACK, pickStep } from "./quick-steps.ts";
import type { Services } from "./services.ts";
import { containerImageProblem, typedReference } from "./wizard-choices.ts";

/** What is pulled, and how that is begun. */
type Pull = { name: string; begin: (api: EngineApi) => Promise<Operation> };

export async function pullImage(services: Services, args: Args): Promise<void> {
  const nodes = nodesIn(args);
  const [node] = nodes;
  const rows = nodes.flatMap((one) => pullOf(one) ?? []);
  const pulls =
    rows.length > 0 ? rows : await (node?.type === "runtime" ? askOf(node.runtime) : askPull(services));
  await Promise.all(pulls.map((one) => pull(services, one)));
}

function pullOf(node: ImageNode): Pull | undefined {
  if (node.type === "available-image")
    return node.choice.cached ? undefined : ofCatalog(node.choice.reference);
  if (node.type !== "stored-image") return undefined;
  const [reference] = node.image.references;
  return reference === undefined ? undefined : ofContainer(reference, node.image.runtime);
}

function ofCatalog(reference: string): Pull {
  return { name: reference, begin: (api) => api.images.pull({ reference }) };
}

function ofContainer(reference: string, runtime: ContainerRuntime | undefined): Pull {
  const where = runtime === undefined ? {} : { runtime };
  return { name: reference, begin: (api) => api.containerImages.pull({ reference, ...where }) };
}

async function pull(services: Services, one: Pull): Promise<void> {
  try {
    const client = await services.mirror.client();
    const operation = await one.begin(client.api);
    await withCancellableProgress(vscode.l10n.t("Pulling {0}", one.name), (signal, report) =>
      client.watchOperation(operation, { signal, onProgress: report }),
    );
    say(vscode.l10n.t("The image {0} is on this host.", one.name));
  } catch (error) {
    void showError(error, { log: services.log, retry: () => void pull(services, one) });
  }
}

async function askOf(runtime: ContainerRuntime): Promise<Pull[]> {
  const reference = await vscode.window.showInputBox({
    title: vscode.l10n.t("Pull an Image into {0}", RUNTIME_NAMES[runtime]),
    prompt: vscode.l10n.t("Which image? Such as nginx:1.27, or one of another registry: HOST/team/app:1.0"),
    validateInput: (text) => (text === "" ? undefined : containerImageProblem(text.trim())),
  });
  return reference ? [ofContainer(reference.trim(), runtime)] : [];
}

type Pick = vscode.QuickPickItem & { reference?: string };

/** From the catalogs, or typed. */
async function askPull(services: Services): Promise<Pull[]> {
  const { api } = await services.mirror.client();
  const searching = new AbortController();
  const known = new Set<string>();
  const reply = await pickStep<Pick>(
    { title: vscode.l10n.t("Pull an Image") },
    {
      placeholder: vscode.l10n.t(
        "Which image? Search, or type a file:// or https:// address, or docker:nginx",
      ),
      load: async () => {
        const { items } = await api.images.find({ query: "" }, { signal: searching.signal });
        for (const { reference, aliases } of items)
          for (const name of [reference, ...aliases]) known.add(name);
        return groupImages(items.filter(({ cached }) => !cached)).flatMap(picksOf);
      },
      failed: (error) => [
        {
          label: `$(error) ${vscode.l10n.t("The images could not be listed")}`,
          detail: messageOf(error),
          alwaysShow: true,
        },
      ],
      typed: (text) => {
        const reference = typedReference(text, known);
        const label = `$(arrow-right) ${vscode.l10n.t("Use “{0}”", reference ?? "")}`;
        return reference === undefined ? undefined : { label, reference, alwaysShow: true };
      },
      accepts: (item) => item.reference !== undefined,
    },
  ).finally(() => searching.abort());
  if (reply === undefined || reply === BACK || reply.reference === undefined) return [];
  const container = containerReference(reply.reference);
  return [container ? ofContainer(container.image, container.runtime) : ofCatalog(reply.reference)];
}

function picksOf({ title, choices }: ImageGroup): Pick[] {
  return [
    { label: title, kind: vscode.QuickPickItemKind.Separator },
    ...choices.map(({ label, description, detail, reference }) => {
      return { label, description, detail, reference };
    }),
  ];
}

/** An image that is on this host is launched by what it was asked for by, so that the same one is taken. */
export async function launchImage(services: Services, args: Args): Promise<void> {
  const [node] = nodesIn(args);
  if (node?.type === "cached-image") {
    await launchWithWizard(services, { image: node.image.reference, os: node.image.os });
  } else if (node?.type === "available-image") {
    await launchWithWizard(services, { image: node.choice.reference, os: node.choice.os });
  } else if (node?.type === "stored-image") {
    const { runtime, references, id } = node.image;
    await launchWithWizard(services, { container: `${runtime}:${references[0] ?? id}` });
  }
}

/** An image that nothing stands on; `remove` resolves with what became free. */
type Removable = { item: ImageItem; sizeBytes: number; remove: (api: EngineApi) => Promise<number> };

export async function removeImage(services: Services, args: Args): Promise<void> {
  const { api } = await services.mirror.client();
  const nodes = nodesIn(args);
  const unused = nodes.length > 0 ? nodes.flatMap(removablesOf) : await pickRemovable(services);
  if (unused.length === 0) return;
  const names = listText(unused.map(({ item }) => item.label));
  const bytes = unused.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (!(await confirmed(vscode.l10n.t("Remove {0} from this host?", names), bytes))) return;
  let freed = 0;
  for (const { remove } of unused) freed += await remove(api);
  say(vscode.l10n.t("{0} are free again.", sizeText(freed)));
}

function removablesOf(node: ImageNode): Removable[] {
  const now = new Date();
  if (node.type === "cached-image") {
    const { id, sizeBytes, usedBy } = node.image;
    const remove = async (api: EngineApi) => (await api.images.remove({ id })).freedBytes;
    return usedBy.length > 0 ? [] : [{ item: cachedItem(node.image, now), sizeBytes, remove }];
  }
  if (node.type !== "stored-image" || !isUnused(node.image)) return [];
  const { image } = node;
  return [
    { item: storedItem(image, now), sizeBytes: image.sizeBytes, remove: (api) => removeStored(api, image) },
  ];
}

/** By each of its names, so that all of it goes. */
async function removeStored(api: EngineApi, image: StoredContainerImage): Promise<number> {
  const { runtime, references, id, sizeBytes } = image;
  for (const reference of references.length > 0 ? references : [id])
    await api.containerImages.remove({ reference, runtime });
  return sizeBytes;
}

async function pickRemovable(services: Services): Promise<Removable[]> {
  const { api } = await services.mirror.client();
  const cached = sortCached((await api.images.cached()).items);
  const nodes: ImageNode[] = [
    ...cached.map((image) => ({ type: "cached-image" as const, image })),
    ...(await storedIn(services)).map((image) => ({ type: "stored-image" as const, image })),
  ];
  const picks = nodes.flatMap(removablesOf).map((removable) => {
    const { label, description } = removable.item;
    return { label, description, removable };
  });
  if (picks.length === 0) {
    sayNoneUnused();
    return [];
  }
  const placeHolder = vscode.l10n.t("Remove which image? Those that instances use are not listed.");
  const picked = await vscode.window.showQuickPick(picks, { placeHolder, canPickMany: true });
  return picked?.map(({ removable }) => removable) ?? [];
}

async function storedIn(services: Services, only?: ContainerRuntime): Promise<StoredContainerImage[]> {
  const { api } = await services.mirror.client();
  const { engine } = services.model;
  const runtimes = only ? [only] : engine ? runtimesOn(engine) : [];
  const lists = runtimes.map(async (runtime) => (await api.containerImages.list({ runtime })).items);
  return sortStored((await Promise.all(lists)).flat());
}

/** Those of a section that it is called on, else all. Of containers' images what Berth has brought, and no other. */
export async function pruneImages(services: Services, args: Args): Promise<void> {
  const { api } = await services.mirror.client();
  const [node] = nodesIn(args);
  const only = node?.type === "runtime" ? node.runtime : undefined;
  const cached = only ? [] : (await api.images.cached()).items.filter(({ usedBy }) => usedBy.length === 0);
  const stored =
    node && !only ? [] : (await storedIn(services, only)).filter((one) => one.ours && isUnused(one));
  const unused = [...cached, ...stored];
  if (unused.length === 0) return sayNoneUnused();
  const bytes = unused.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const question =
    unused.length === 1
      ? vscode.l10n.t("Remove 1 unused image?")
      : vscode.l10n.t("Remove {0} unused images?", unused.length);
  if (!(await confirmed(question, bytes))) return;
  let freed = cached.length === 0 ? 0 : (await api.images.prune()).freedBytes;
  for (const runtime of new Set(stored.map((one) => one.runtime)))
    freed += (await api.containerImages.prune({ runtime })).freedBytes;
  say(vscode.l10n.t("{0} are free again.", sizeText(freed)));
}

function sayNoneUnused(): void {
  void vscode.window.showInformationMessage(vscode.l10n.t("There is no unused image on this host."));
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

export function nodesIn([first, all]: Args): ImageNode[] {
  const isNode = (value: unknown): value is ImageNode =>
    typeof value === "object" && value !== null && "type" in value;
  if (!isNode(first)) return [];
  return Array.isArray(all) && all.length > 0 ? all.filter(isNode) : [first];
}
