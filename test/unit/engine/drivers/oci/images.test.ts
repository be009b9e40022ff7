import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type ListedImage, prunable, shapeOf } from "../../../../../src/engine/drivers/oci/images.ts";
import { Ledger } from "../../../../../src/engine/drivers/oci/ledger.ts";

const image = (id: string, inUse = false): ListedImage => ({
  id,
  references: [],
  digests: [],
  sizeBytes: 1,
  createdAt: new Date(0),
  inUse,
});

test("a prune never takes what is used or needed, and what others brought only when asked", () => {
  const ids = fc.uniqueArray(fc.nat(20).map(String));
  fc.assert(
    fc.property(ids, ids, ids, ids, fc.boolean(), (all, used, needed, ours, foreign) => {
      const images = all.map((id) => image(id, used.includes(id)));
      const gone = prunable(images, {
        needed: new Set(needed),
        ours: (id) => ours.includes(id),
        foreign,
      }).map(({ id }) => id);
      const expected = all.filter(
        (id) => !used.includes(id) && !needed.includes(id) && (foreign || ours.includes(id)),
      );
      expect(gone).toEqual(expected);
    }),
  );
});

test.each([
  [[], ["/sbin/init"], "machine"],
  [["/lib/systemd/systemd"], ["--log"], "machine"],
  [[], ["bash"], "machine"],
  [[], ["/bin/sh"], "machine"],
  [[], ["/bin/sh", "-c", "serve"], "application"],
  [["/entry.sh"], ["nginx"], "application"],
  [[], [], "application"],
])("what begins with %j %j is of the shape %s", (entrypoint, command, shape) => {
  expect(shapeOf({ entrypoint, command })).toBe(shape);
});

test("what we have brought is remembered for each runtime; a damaged file is as none", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "berth-ledger-"));
  try {
    const file = path.join(directory, "images.json");
    const ledger = new Ledger(file);
    expect(await ledger.idsOf("docker")).toEqual(new Set());
    await Promise.all([ledger.add("docker", "a"), ledger.add("docker", "b"), ledger.add("podman", "c")]);
    await ledger.add("docker", "a");
    await ledger.drop("docker", ["b", "c"]);
    expect(await new Ledger(file).idsOf("docker")).toEqual(new Set(["a"]));
    expect(await new Ledger(file).idsOf("podman")).toEqual(new Set(["c"]));
    await writeFile(file, "{");
    expect(await new Ledger(file).idsOf("docker")).toEqual(new Set());
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
