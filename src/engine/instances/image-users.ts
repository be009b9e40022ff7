/** Which instances stand on which images, those in the trash included. */
import { nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

type Entries = Pick<Keeper, "entries">;

/** Names of the instances whose disks stand on the image. */
export function usersOf(keeper: Entries, imageId: string): string[] {
  return keeper
    .entries()
    .filter(({ record }) => record.descriptor.base?.id === imageId)
    .map(nameOf);
}

/** Names of the instances that stand on images of containers, by the ids of those. */
export function usersOfContainerImages(keeper: Entries): ReadonlyMap<string, string[]> {
  const images = new Map<string, string[]>();
  for (const entry of keeper.entries()) {
    const id = entry.record.descriptor.container?.image?.id;
    if (id !== undefined) images.set(id, [...(images.get(id) ?? []), nameOf(entry)]);
  }
  return images;
}
