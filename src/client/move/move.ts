/**
 * Moves an instance from one engine to another. Each step is written down on the source before it is begun: until the move
 * is confirmed the source is all that it was, but for a mark, and every failure ends with that taken away again.
 */
import { randomUUID } from "node:crypto";
import type { Instance } from "../../api/instance.ts";
import type { MoveMark, MoveStep } from "../../api/move.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { type Destination, done, settled, type Worker } from "./destination.ts";

/** What a move that failed may take to be taken back. */
const UNDO_MS = 120_000;

export type Moved = { mark: MoveMark; told: string | undefined };

export async function moveInstance(
  source: Worker,
  destination: Destination,
  instance: Instance,
  { to, as }: Pick<MoveMark, "to" | "as">,
): Promise<Moved> {
  const { name } = instance;
  const mark = { to, as, id: randomUUID(), ran: instance.state === "running" };
  const note = (step: MoveStep) => done(source, (at) => at.instances.markMove({ ...mark, name, step }));
  await note("stop");
  try {
    if (mark.ran) await done(source, (at) => at.instances.stop({ name }));
    await note("copy");
    const told = await destination.copy(source, name, mark);
    if (destination.boots) {
      await note("boot");
      await destination.boot(mark, mark.ran);
    }
    await note("moved");
    return { mark: { ...mark, step: "moved" }, told };
  } catch (error) {
    await takeBack(source, destination, name, mark, error);
    throw error;
  }
}

/** Brings it as it is now; the source goes on. */
export function copyInstance(
  source: Worker,
  destination: Destination,
  name: string,
  as: string,
): Promise<string | undefined> {
  return destination.copy(source, name, { id: randomUUID(), as });
}

/** From now on it is there alone: the source goes to the trash. */
export async function confirmMove(
  source: Worker,
  destination: Destination,
  instance: Instance,
): Promise<void> {
  const mark = markOf(instance, "confirm the move of");
  if (mark.step !== "moved")
    throw new EngineError(
      "wrong-state",
      `cannot confirm the move of ${instance.name}: it has not come to its end`,
      {
        hint: `Take it back, then move it again: berth move --undo ${instance.name}`,
      },
    );
  await destination.confirm(mark);
  await done(source, (at) => at.instances.delete({ name: instance.name }));
}

/** As if it had never been moved. What came into being there since goes to the trash there. */
export async function undoMove(source: Worker, destination: Destination, instance: Instance): Promise<void> {
  const mark = markOf(instance, "take back the move of");
  await destination.remove(mark, { purge: mark.step !== "moved" });
  if (instance.state === "deleted") await done(source, (at) => at.instances.recover({ name: instance.name }));
  await restore(source, instance.name, mark.ran);
}

/** Where it is moved to, or has moved to. Throws where it is not. */
export function markOf({ name, move }: Instance, doing: string): MoveMark {
  if (move) return move;
  throw new EngineError("wrong-state", `cannot ${doing} ${name}: it is not moved`, {
    hint: `berth move ${name} --to TARGET`,
  });
}

/** Whatever happens there, the source is what it was. */
async function takeBack(
  { client, show }: Worker,
  destination: Destination,
  name: string,
  mark: Omit<MoveMark, "step">,
  failure: unknown,
): Promise<void> {
  const source = { client, show, signal: AbortSignal.timeout(UNDO_MS) };
  const left: string[] = [];
  await destination.remove(mark, { purge: true }).catch((error: unknown) => {
    left.push(`what was brought to ${mark.to} may still be there as ${mark.as}: ${messageOf(error)}`);
  });
  await restore(source, name, mark.ran).catch((error: unknown) => {
    left.push(`take the move back by berth move --undo ${name}: ${messageOf(error)}`);
  });
  if (left.length === 0) return;
  // Of one that was only called off nobody would be told.
  const known = failure instanceof EngineError && failure.code !== "cancelled" ? failure : undefined;
  throw new EngineError(known?.code ?? "engine-unavailable", `${messageOf(failure)}; ${left.join("; ")}`, {
    hint: known?.hint,
    cause: failure,
  });
}

async function restore(source: Worker, name: string, ran: boolean): Promise<void> {
  await settled(source, await source.client.api.instances.get({ name }));
  await done(source, (at) => at.instances.unmarkMove({ name }));
  if (ran) await done(source, (at) => at.instances.start({ name }));
}
