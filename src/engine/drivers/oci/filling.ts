/**
 * Fills the volumes of an instance that is being made: through a container of the same image that never runs and sees all
 * of them, for the instance's own may not write to them. While that container is there, the volumes are not the user's yet.
 */
import { Readable } from "node:stream";
import { toEngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { FilledVolume } from "../trees.ts";
import type { RuntimeApi } from "./api.ts";
import type { ContainerInstance } from "./create-body.ts";
import { dropHelper, makeHelper } from "./helper.ts";

type Signal = Pick<Ctx, "signal">;

export async function fillVolumes(
  ctx: Signal,
  api: RuntimeApi,
  instance: ContainerInstance,
  volumes: readonly FilledVolume[],
): Promise<void> {
  if (volumes.length === 0) return;
  await dropHelper(ctx, api, instance, "fill", { withVolumes: true });
  const outer = volumes.toSorted((a, b) => a.target.length - b.target.length);
  const id = await makeHelper(ctx, api, instance, "fill", {
    ...{ image: instance.container.image.id, entrypoint: ["berth"], command: [], volumes: outer },
  });
  const filled = new Set<string>();
  for (const volume of outer) {
    if (filled.has(volume.name)) continue;
    filled.add(volume.name);
    const doing = `fill the volume ${volume.name} of ${instance.name}`;
    await putTar(ctx, api, { container: id, path: volume.target, bytes: volume.bytes(), doing });
  }
}

type Put = { container: string; path: string; bytes: AsyncIterable<Uint8Array>; doing: string };

/** Unpacks a tar in a container that need not run. */
export async function putTar(
  ctx: Signal,
  api: RuntimeApi,
  { container, path, bytes, doing }: Put,
): Promise<void> {
  const body = Readable.from(bytes, { objectMode: false });
  let failure: unknown;
  body.once("error", (error) => {
    failure = error;
  });
  try {
    const options = { doing, query: { path }, body };
    const answer = await api.stream(ctx, "PUT", `/containers/${container}/archive`, options);
    for await (const _ of answer);
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw toEngineError(failure ?? error, doing);
  }
}
