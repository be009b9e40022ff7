import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EngineError } from "../../../../src/base/errors.ts";
import {
  type Definition,
  diskPath,
  disksOf,
  formatDefinition,
  parseDefinition,
  restoredUserData,
} from "../../../../src/engine/backup/definition.ts";
import { specOf } from "../../../../src/engine/backup/restore-work.ts";
import {
  type BackupFacts,
  backupOf,
  factsOf,
  tagsOf,
  withProtection,
} from "../../../../src/engine/backup/tags.ts";

const DISK = "0b2f7a9e-3c1d-4e5f-8a6b-7c8d9e0f1a2b";

const definition: Definition = {
  ...{ version: 1, kind: "vm", id: "36a98c95-eead-4d86-8510-de96f72b20ab", name: "web", arch: "x86_64" },
  ...{ cpus: 2, memoryBytes: 2 ** 30, diskBytes: 5 * 2 ** 30, guest: "linux", firmware: "uefi", tpm: true },
  ...{ display: true, network: "isolated", labels: { team: "blue" }, createdAt: "2026-11-30T12:00:00.000Z" },
  image: { reference: "24.04", os: "Ubuntu", release: "24.04 LTS", version: "20261101" },
  ...{ encrypted: true, user: "ubuntu", keys: ["ssh-ed25519 AAAA berth"] },
  disks: [{ id: DISK, name: "data", sizeBytes: 2 ** 30 }],
};

const changed = (more: object) => Buffer.from(JSON.stringify({ ...definition, ...more }));

describe("a definition", () => {
  test("comes back as it was", () => {
    expect(parseDefinition(formatDefinition(definition), "1a2b")).toEqual(definition);
    expect(disksOf(definition).map(diskPath)).toEqual(["/disks/disk.raw", `/disks/${DISK}.raw`]);
  });

  test.each<[string, object, string]>([
    ["a name that leads elsewhere", { name: "../../etc" }, "damaged"],
    ["a disk whose id leads elsewhere", { disks: [{ id: "../x", name: "a", sizeBytes: 1 }] }, "damaged"],
    ["a user that is a script", { user: "root}}\nruncmd: [reboot]" }, "damaged"],
    ["nothing", { image: null }, "damaged"],
    ["a size that is none", { diskBytes: -1 }, "damaged"],
    ["more disks than fit", { disks: Array.from({ length: 101 }, () => definition.disks[0]) }, "damaged"],
    ["a later version", { version: 2 }, "a newer Berth made it"],
  ])("with %s is refused", (_what, more, reason) => {
    expect(() => parseDefinition(changed(more), "1a2b")).toThrow(reason);
  });

  test("of anything at all is read or refused, and nothing else", () => {
    const value = fc.oneof(
      fc.json(),
      fc.string(),
      fc.jsonValue().map((some) => JSON.stringify({ ...definition, keys: some })),
    );
    fc.assert(
      fc.property(value, (text) => {
        try {
          expect(parseDefinition(Buffer.from(text), "1a2b").version).toBe(1);
        } catch (error) {
          expect(error).toBeInstanceOf(EngineError);
        }
      }),
    );
  });

  test("asks for what a launch of the same machine would ask for", () => {
    expect(specOf(definition, undefined)).toMatchObject({
      ...{ name: "web", cpus: 2, firmware: "uefi", tpm: true, display: true, encrypted: true },
      ...{ network: "isolated", labels: { team: "blue" }, disks: [{ name: "data", sizeBytes: 2 ** 30 }] },
    });
    expect(specOf(definition, "other").name).toBe("other");
    expect(specOf({ ...definition, guest: "windows" }, undefined)).not.toHaveProperty("display");
    expect(restoredUserData(definition).userData).toContain("name: ubuntu");
    expect(restoredUserData({ ...definition, guest: "other" })).toEqual({});
  });
});

describe("tags", () => {
  const facts: BackupFacts = {
    ...{ id: definition.id, consistency: "frozen", point: "bk-1", isProtected: true },
    ...{ kind: "vm", generations: { disk: 3, [DISK]: 0 } },
  };

  test("say what a backup is", () => {
    const ofContainer: BackupFacts = { ...facts, kind: "container", generations: {} };
    for (const each of [facts, ofContainer]) expect(factsOf({ tags: tagsOf(each) })).toEqual(each);
    expect(factsOf({ tags: withProtection(["theirs", ...tagsOf(facts)], false) })?.isProtected).toBe(false);
    expect(withProtection(["theirs", "protected"], true)).toEqual(["theirs", "protected"]);
  });

  test("of others make no backup of an instance", () => {
    expect(factsOf({ tags: [] })).toBeUndefined();
    expect(factsOf({ tags: ["berth", "instance:../x"] })).toBeUndefined();
    fc.assert(fc.property(fc.array(fc.string()), (tags) => void factsOf({ tags: ["berth", ...tags] })));
  });

  test("and what restic knows of it are what a client is told", () => {
    const snapshot = {
      ...{
        id: "ab".repeat(32),
        time: "",
        timeMs: 0,
        tree: "",
        hostname: "",
        username: "",
        parent: undefined,
      },
      ...{ original: undefined, summary: undefined, tags: tagsOf(facts), paths: ["/web"] },
    };
    expect(backupOf(snapshot, "main")).toEqual({
      ...{ id: snapshot.id, repository: "main", consistency: "frozen", isProtected: true },
      instance: { id: definition.id, kind: "vm", name: "web" },
      ...{ at: "1970-01-01T00:00:00.000Z", sizeBytes: 0, addedBytes: 0 },
    });
    expect(backupOf({ ...snapshot, tags: [] }, "main")).toBeUndefined();
  });
});
