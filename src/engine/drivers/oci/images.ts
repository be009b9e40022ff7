/** Images in a container runtime: looked at, listed, removed. What to prune is decided by a pure function. */
import type { ContainerShape } from "../../../api/container.ts";
import type { Arch } from "../../../api/instance.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { RuntimeApi } from "./api.ts";

type Signal = Pick<Ctx, "signal">;

/** Where images that are made of instances are kept. They are parts of these, and none of the user's. */
export const OWN_REPOSITORY = "localhost/berth/";

const REMOVE_MS = 10 * 60_000;

export type InspectedImage = {
  /** sha256:… of its configuration. */
  id: string;
  references: string[];
  /** sha256:… of the manifests that it is known by. */
  digests: string[];
  os: string;
  arch: string;
  sizeBytes: number;
  entrypoint: string[];
  command: string[];
  exposedPorts: number[];
  labels: Record<string, string>;
};

type Inspected = {
  Id: string;
  RepoTags?: string[] | null;
  RepoDigests?: string[] | null;
  Os?: string;
  Architecture?: string;
  Size?: number;
  Config?: {
    Entrypoint?: string[] | null;
    Cmd?: string[] | null;
    ExposedPorts?: Record<string, unknown> | null;
    Labels?: Record<string, string> | null;
  } | null;
};

/** By reference or id. Rejects with `not-found` where it is not there. */
export async function inspectImage(ctx: Signal, api: RuntimeApi, reference: string): Promise<InspectedImage> {
  const doing = `look at image ${reference}`;
  const found = await api.json<Inspected>(ctx, "GET", `/images/${reference}/json`, { doing });
  const { Entrypoint, Cmd, ExposedPorts, Labels } = found.Config ?? {};
  return {
    id: wholeId(found.Id),
    references: found.RepoTags ?? [],
    digests: digestsOf(found.RepoDigests),
    os: found.Os ?? "linux",
    arch: found.Architecture ?? "unknown",
    sizeBytes: found.Size ?? 0,
    entrypoint: Entrypoint ?? [],
    command: Cmd ?? [],
    exposedPorts: Object.keys(ExposedPorts ?? {})
      .filter((port) => !port.endsWith("/udp") && !port.endsWith("/sctp"))
      .map((port) => Number.parseInt(port, 10)),
    labels: Labels ?? {},
  };
}

/** Undefined where it is not there. */
export async function findImage(
  ctx: Signal,
  api: RuntimeApi,
  reference: string,
): Promise<InspectedImage | undefined> {
  return inspectImage(ctx, api, reference).catch((error: unknown) => {
    if (error instanceof EngineError && error.code === "not-found") return undefined;
    throw error;
  });
}

/** An image as a list shows it. */
export type ListedImage = {
  id: string;
  references: string[];
  digests: string[];
  sizeBytes: number;
  createdAt: Date;
  /** Containers stand on it, whoever made them. */
  inUse: boolean;
};

type Listed = {
  Id: string;
  RepoTags?: string[] | null;
  RepoDigests?: string[] | null;
  Size?: number;
  Created?: number;
};

/** All but what is made of instances. */
export async function listImages(ctx: Signal, api: RuntimeApi): Promise<ListedImage[]> {
  const doing = "list images";
  const [images, containers] = await Promise.all([
    api.json<Listed[]>(ctx, "GET", "/images/json", { doing }),
    api.json<{ ImageID: string }[]>(ctx, "GET", "/containers/json", { doing, query: { all: "true" } }),
  ]);
  const used = new Set(containers.map(({ ImageID }) => wholeId(ImageID)));
  return images
    .map((image) => ({
      id: wholeId(image.Id),
      references: (image.RepoTags ?? []).filter((tag) => tag !== "<none>:<none>"),
      digests: digestsOf(image.RepoDigests),
      sizeBytes: image.Size ?? 0,
      createdAt: new Date((image.Created ?? 0) * 1000),
      inUse: used.has(wholeId(image.Id)),
    }))
    .filter(({ references }) => !references.some((tag) => tag.startsWith(OWN_REPOSITORY)));
}

/** Rejects with `busy` where a container stands on it, and with `not-found`. */
export async function removeImage(ctx: Signal, api: RuntimeApi, reference: string): Promise<void> {
  const options = { doing: `remove image ${reference}`, deadlineMs: REMOVE_MS };
  await api.json(ctx, "DELETE", `/images/${reference}`, options).catch((error: unknown) => {
    if (!(error instanceof EngineError) || !isInUse(error)) throw error;
    throw new EngineError("busy", error.message, {
      hint: "Delete what stands on it first; `berth list` and the runtime's own `ps --all` show that.",
      cause: error,
    });
  });
}

function isInUse(error: EngineError): boolean {
  return error.code === "wrong-state" || /in use|is using|being used/i.test(error.message);
}

export type PruneRules = {
  /** Ids of images that an instance needs, those in the trash included. */
  needed: ReadonlySet<string>;
  /** Whether it was pulled or made by us. */
  ours: (id: string) => boolean;
  /** What others have brought as well. */
  foreign: boolean;
};

/** What a prune removes: never what a container or an instance stands on, nothing of others unless asked. Pure. */
export function prunable(images: readonly ListedImage[], rules: PruneRules): ListedImage[] {
  return images.filter(
    ({ id, inUse }) => !inUse && !rules.needed.has(id) && (rules.foreign || rules.ours(id)),
  );
}

/** Architectures as runtimes and images call them. */
export const ARCHES: Record<string, Arch> = {
  amd64: "x86_64",
  x86_64: "x86_64",
  arm64: "aarch64",
  aarch64: "aarch64",
};

/** An image that begins with an init is a machine; so is one whose program is but a shell, which would end at once. */
export function shapeOf({
  entrypoint,
  command,
}: Pick<InspectedImage, "entrypoint" | "command">): ContainerShape {
  const [program = "", ...rest] = [...entrypoint, ...command];
  const name = program.slice(program.lastIndexOf("/") + 1);
  if (/^(init|systemd|runit|runsvdir|openrc-init)$/.test(name)) return "machine";
  return rest.length === 0 && /^(ba|da|a|z)?sh$/.test(name) ? "machine" : "application";
}

/** Podman leaves the algorithm out in some answers. */
export function wholeId(id: string): string {
  return id.startsWith("sha256:") ? id : `sha256:${id}`;
}

function digestsOf(references: string[] | null | undefined): string[] {
  const digests = (references ?? []).map((reference) => reference.slice(reference.indexOf("@") + 1));
  return [...new Set(digests.filter((digest) => digest.startsWith("sha256:")))];
}
