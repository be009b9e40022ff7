/** Snapshots are images that the runtime makes of a container's file system. What is in volumes is in none of them. */
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance, SnapshotSupport } from "../driver.ts";
import { type Containers, goneError } from "./containers.ts";
import { containerOf } from "./create-body.ts";
import { dropHelper } from "./helper.ts";
import { findImage, inspectImage } from "./images.ts";
import { baseOf, commit, dropImage, repositoryOf, tagImage } from "./own-images.ts";

/** `containersOf`: those of the runtime that the instance is at. */
export function createSnapshots(
  containersOf: (ctx: Ctx, instance: DriverInstance) => Promise<Containers>,
): SnapshotSupport {
  return {
    isFree: false,
    take: async (ctx, instance, id) => {
      const containers = await containersOf(ctx, instance);
      const found = await containers.settled(ctx, instance);
      if (!found) throw goneError(instance.name, "take a snapshot of");
      const reference = snapshotOf(instance, id);
      const taken = await findImage(ctx, containers.api, reference);
      if (!taken) await commit(ctx, containers.api, found.Id, reference, instance.name);
    },
    restore: async (ctx, instance, id, unnamed) => {
      const containers = await containersOf(ctx, instance);
      const image = await inspectImage(ctx, containers.api, snapshotOf(instance, id));
      const found = await containers.settled(ctx, instance);
      const former = await findImage(ctx, containers.api, baseOf(instance));
      // It stands on that from now on, whether the snapshot stays or not.
      await tagImage(ctx, containers.api, image.id, baseOf(instance));
      await containers.remake(ctx, containerOf(instance), found, image, unnamed);
      // What was to take its place, and did not.
      if (former) await containers.dropUnused(ctx, containerOf(instance), former.id, image.id);
      await dropHelper(ctx, containers.api, instance, "fill", { withVolumes: true });
    },
    remove: async (ctx, instance, id) => {
      const { api } = await containersOf(ctx, instance);
      await dropImage(ctx, api, snapshotOf(instance, id));
    },
  };
}

function snapshotOf(instance: DriverInstance, id: string): string {
  return `${repositoryOf(instance)}:${id}`;
}
