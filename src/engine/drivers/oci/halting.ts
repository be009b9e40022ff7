/**
 * Halts a container for as long as its files are read. It is written down before: an engine that dies meanwhile is followed
 * by one that lets it go on, and what its user has paused stays so.
 */
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { writeFileDurable } from "../../../base/durable.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import type { Containers, Inspected } from "./containers.ts";

const Note = z.object({ container: z.string() });

const fileOf = ({ directory }: DriverInstance) => path.join(directory, "halted.json");

/** No effect where its runtime cannot do that, which is told by how it is then. */
export async function halt(
  ctx: Ctx,
  { api }: Containers,
  { Id: container }: Inspected,
  instance: DriverInstance,
): Promise<void> {
  await writeFileDurable(fileOf(instance), JSON.stringify({ container }));
  try {
    await api.json(ctx, "POST", `/containers/${container}/pause`, { doing: `halt ${instance.name}` });
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (!(error instanceof EngineError)) throw error;
    ctx.log.debug("a container is read while it runs", { instance: instance.name, error });
  }
}

/** Lets it go on where it was halted here; resolves with how it is now. No effect where it was not. */
export async function letGo(
  ctx: Pick<Ctx, "signal">,
  containers: Containers,
  instance: DriverInstance,
): Promise<Inspected | undefined> {
  const container = await haltedHere(instance);
  if (container === undefined) return undefined;
  const found = await containers.inspect(ctx, container, instance.name);
  if (found?.State.Paused) {
    const doing = `let ${instance.name} go on`;
    await containers.api.json(ctx, "POST", `/containers/${container}/unpause`, { doing });
  }
  await rm(fileOf(instance), { force: true });
  return containers.inspect(ctx, container, instance.name);
}

/** As it is when what an engine that has died had halted goes on. */
export async function woken(
  ctx: Ctx,
  containers: Containers,
  instance: DriverInstance,
  found: Inspected,
): Promise<Inspected> {
  try {
    return (await letGo(ctx, containers, instance)) ?? found;
  } catch (error) {
    ctx.log.warn("a container stays halted", { instance: instance.name, error });
    return found;
  }
}

async function haltedHere(instance: DriverInstance): Promise<string | undefined> {
  try {
    return Note.parse(JSON.parse(await readFile(fileOf(instance), "utf8"))).container;
  } catch {
    return undefined;
  }
}
