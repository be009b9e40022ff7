/**
 * Images that are made of an instance's container: its snapshots, and what its container stands on after it was made
 * anew. They are tags of one repository, which is the instance's alone.
 */
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import type { RuntimeApi } from "./api.ts";
import { ENGINE_LABEL, INSTANCE_LABEL, SPEC_LABEL } from "./create-body.ts";
import { OWN_REPOSITORY } from "./images.ts";

type Signal = Pick<Ctx, "signal">;

const WRITE_MS = 30 * 60_000;

export function repositoryOf({ id }: Pick<DriverInstance, "id">): string {
  return `${OWN_REPOSITORY}${id}`;
}

/** What its container stands on when that is no image of others. */
export function baseOf(instance: Pick<DriverInstance, "id">): string {
  return `${repositoryOf(instance)}:base`;
}

/** Keeps what the container holds beneath this reference. It bears no labels of ours: who makes a container of it owns that. */
export async function commit(
  ctx: Signal,
  api: RuntimeApi,
  container: string,
  reference: string,
  name: string,
): Promise<void> {
  const { repository, tag } = partsOf(reference);
  const changes = `LABEL ${[INSTANCE_LABEL, ENGINE_LABEL, SPEC_LABEL].map((key) => `${key}=""`).join(" ")}`;
  const query = { container, repo: repository, tag, pause: "false", changes };
  // Podman wants a body, and there is nothing to say in it.
  const options = { doing: `keep what ${name} holds`, query, body: {}, deadlineMs: WRITE_MS };
  await api.json(ctx, "POST", "/commit", options);
}

export async function tagImage(ctx: Signal, api: RuntimeApi, id: string, reference: string): Promise<void> {
  const { repository, tag } = partsOf(reference);
  const query = { repo: repository, tag };
  await api.json(ctx, "POST", `/images/${id}/tag`, { doing: `name the image ${reference}`, query });
}

/** No effect where there is none, or where others need it still. */
export async function dropImage(ctx: Signal, api: RuntimeApi, reference: string): Promise<void> {
  const options = { doing: `remove the image ${reference}`, deadlineMs: WRITE_MS };
  await api.json(ctx, "DELETE", `/images/${reference}`, options).catch((error: unknown) => {
    if (
      !(error instanceof EngineError) ||
      !["not-found", "wrong-state", "already-exists"].includes(error.code)
    )
      throw error;
  });
}

/** References of all that were made of this instance. */
export async function ownImages(
  ctx: Signal,
  api: RuntimeApi,
  instance: Pick<DriverInstance, "id">,
): Promise<string[]> {
  const repository = repositoryOf(instance);
  const query = { filters: JSON.stringify({ reference: [repository] }) };
  const found = await api.json<{ RepoTags?: string[] | null }[]>(ctx, "GET", "/images/json", {
    doing: "look for images",
    query,
  });
  return found.flatMap(({ RepoTags }) => RepoTags ?? []).filter((tag) => tag.startsWith(`${repository}:`));
}

function partsOf(reference: string): { repository: string; tag: string } {
  const colon = reference.lastIndexOf(":");
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) };
}
