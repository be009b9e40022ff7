/**
 * A volume's tar where its runtime forgets whose its files are, as Podman does in what is copied out of a container: the
 * image's own `tar` packs it, in a container that sees that volume and nothing else.
 */
import { text } from "node:stream/consumers";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { GuestProcess } from "../../guest/guest.ts";
import type { DriverInstance } from "../driver.ts";
import type { RuntimeApi } from "./api.ts";
import { attachMain } from "./attach.ts";
import { dropHelper, makeHelper } from "./helper.ts";

const DROP_MS = 60_000;

type Packing = {
  instance: Pick<DriverInstance, "id" | "name">;
  /** Id of the image that has the `tar`. */
  image: string;
  volume: string;
  /** Where the instance sees it: a volume that nothing has used yet takes over what its runtime finds there. */
  target: string;
  log: Ctx["log"];
};

/** Undefined where the image is gone, or has no `tar`. */
export async function packedVolume(
  ctx: Pick<Ctx, "signal">,
  api: RuntimeApi,
  packing: Packing,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const { instance, image, volume, target, log } = packing;
  const drop = () =>
    dropHelper({ signal: AbortSignal.timeout(DROP_MS) }, api, instance, "pack", { withVolumes: false });
  await drop();
  try {
    const container = await makeHelper(ctx, api, instance, "pack", {
      ...{ image, entrypoint: ["tar"], command: ["-C", target, "-cf", "-", "."] },
      volumes: [{ name: volume, target, isReadOnly: true }],
    });
    const place = { api, container, name: instance.name, log };
    const child = await attachMain(ctx, place, { tty: false, openStdin: false }, {});
    const doing = `read the volume ${volume} of ${instance.name}`;
    await api.json(ctx, "POST", `/containers/${container}/start`, { doing }).catch((error: unknown) => {
      child.close();
      throw error;
    });
    return packedBy(ctx, child, doing, drop);
  } catch (error) {
    await drop();
    ctx.signal.throwIfAborted();
    log.debug("a volume is read without whose its files are", { volume, error });
    return undefined;
  }
}

async function* packedBy(
  { signal }: Pick<Ctx, "signal">,
  child: GuestProcess,
  doing: string,
  drop: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  const words = text(child.stderr);
  words.catch(() => {});
  const onAbort = () => child.close();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    yield* child.stdout as AsyncIterable<Uint8Array>;
    const { code } = await child.exited;
    if (code !== 0)
      throw new EngineError("driver-failed", `cannot ${doing}: its tar ended with ${code}: ${await words}`);
  } finally {
    signal.removeEventListener("abort", onAbort);
    child.close();
    await drop();
  }
}
