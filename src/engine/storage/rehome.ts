/** Makes everything that names a place name the new one, and proves that what was moved can be used there. */

import type { Stored } from "../../api/storage.ts";
import { EngineError } from "../../base/errors.ts";
import { isBlank } from "../instances/machine.ts";
import type { WorkCtx } from "../operations.ts";
import type { StorageParts } from "./storage.ts";

/** Idempotent. Until its end both places are whole, so an instance works whether its turn has come or not. */
export async function rehome(
  ctx: WorkCtx,
  { keeper, images }: Pick<StorageParts, "keeper" | "images">,
  what: readonly Stored[],
): Promise<void> {
  ctx.progress({ phase: "check" });
  if (what.includes("images")) keeper.imagesChanged();
  for (const entry of keeper.entries()) {
    if (entry.broken) continue;
    const { id, name, base } = entry.record.descriptor;
    const found = await keeper.files.find(id);
    if (found.descriptor === undefined) throw lost(name, found.damage);
    if (!base || isBlank(base) || !what.includes("images")) continue;
    const image = await images.get(base.id);
    // Gone before the move already; its disk was of no use then.
    if (!image) {
      ctx.warn(`The image that ${name} stands on was missing before the move`);
      continue;
    }
    const driver = keeper.driverOf(entry);
    const instance = await keeper.driverInstance(entry, { withoutKeys: true });
    if (!instance.image) continue;
    await driver.rehome?.(ctx, { ...instance, image: { ...instance.image, path: image.path } });
    if (base.path !== image.path) await keeper.describe(entry, { base: { ...base, path: image.path } });
  }
}

function lost(name: string, reason: string): EngineError {
  return new EngineError("internal", `cannot use ${name} at its new place: ${reason}`, {
    hint: "What lay at the old place is still there.",
  });
}
