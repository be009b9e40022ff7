/** What is done with a container and not with a VM: it is made from its runtime's image, halted, and let go on. */
import type { ContainerImage, ContainerShape } from "../../api/container.ts";
import { EngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { Running } from "../drivers/running.ts";
import type { WorkCtx } from "../operations.ts";
import type { ContainerRecord } from "../store/record.ts";
import { hasLogin } from "./container.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

/** Image, directory, descriptor, container: everything up to its first start. */
export async function createContainer(
  keeper: Keeper,
  entry: Entry,
  ctx: Ctx,
  reference: string,
): Promise<void> {
  await standOnContainerImage(keeper, entry, ctx, reference);
  ctx.signal.throwIfAborted();
  ctx.progress({ phase: "create" });
  await prepareContainer(keeper, entry);
  // Beside its making: a launch that goes on after a crash knows the container by its label, whatever is written by then.
  const described = keeper.describe(entry, {});
  described.catch(() => {});
  try {
    await keeper.driverOf(entry).create(ctx, await keeper.driverInstance(entry));
  } finally {
    await described;
  }
}

/** Its directory, and the keys of one that has any. */
export async function prepareContainer(keeper: Keeper, entry: Entry): Promise<void> {
  const { descriptor } = entry.record;
  await keeper.files.prepare(descriptor.id);
  if (hasLogin(descriptor) && !(await keeper.files.readSecrets(descriptor.id))) {
    const login = await keeper.makeLogin(descriptor.container?.user ?? "root");
    await keeper.files.writeSecrets(descriptor.id, { login });
  }
}

/** A launch that goes on after an engine died keeps the image that it had found. */
async function standOnContainerImage(
  keeper: Keeper,
  entry: Entry,
  ctx: Ctx,
  reference: string,
): Promise<void> {
  const { container, arch, name } = entry.record.descriptor;
  if (!container || container.image) return;
  const { containerImages } = keeper.driverOf(entry);
  if (!containerImages) throw new EngineError("internal", `cannot launch ${name}: its driver has no images`);
  const { runtime } = container;
  const shape = shapeOf(container);
  const image = await containerImages.resolve(ctx, reference, { runtime, shape, arch });
  const { id } = image;
  keeper.note(entry, {
    image: factsOf(image),
    container: {
      ...container,
      runtime: image.runtime,
      shape: shape ?? image.shape,
      image: { reference: image.reference, id },
    },
  });
}

/** Whoever names a program wants that, whatever the image is made for. Undefined where that is asked. */
function shapeOf({ shape, command, entrypoint }: ContainerRecord): ContainerShape | undefined {
  return shape ?? (command || entrypoint ? "application" : undefined);
}

/** Its reference is all that is known of what is in it. */
function factsOf({ reference, digest }: ContainerImage) {
  const sha256 = digest?.replace(/^sha256:/, "");
  return { reference, os: "", release: "", version: "", ...(sha256 === undefined ? {} : { sha256 }) };
}

/** Throws `not-supported` where what runs cannot be halted. */
export function checkPause(entry: Entry): void {
  const { running, record } = entry;
  if (!running || running.pause) return;
  const reason = `cannot pause ${nameOf(entry)}: the driver ${record.descriptor.driver} cannot do that`;
  throw new EngineError("not-supported", reason, { hint: `Suspend it: berth suspend ${nameOf(entry)}` });
}

export async function pause(keeper: Keeper, entry: Entry, ctx: WorkCtx): Promise<void> {
  await change(keeper, entry, ctx, "pause", (running) => running.pause?.(ctx));
}

export async function unpause(keeper: Keeper, entry: Entry, ctx: WorkCtx): Promise<void> {
  await change(keeper, entry, ctx, "unpause", (running) => running.unpause?.(ctx));
}

async function change(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  verb: "pause" | "unpause",
  work: (running: Running) => Promise<void> | undefined,
): Promise<void> {
  const { running } = entry;
  if (!running) {
    const reason = `cannot ${verb} ${nameOf(entry)}: it has ended meanwhile`;
    throw new EngineError("wrong-state", reason, { hint: `Start it: berth start ${nameOf(entry)}` });
  }
  ctx.commit();
  await work(running);
  keeper.publish(entry);
}
