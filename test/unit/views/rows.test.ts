/** Rows of snapshots, images and operations, and what a person types for them. */
import { expect, test } from "vitest";
import { labelsFrom, labelsText } from "../../../src/api/labels.ts";
import { parseDuration } from "../../../src/base/units.ts";
import {
  layerItem,
  runtimeItem,
  sortStored,
  storedItem,
  suggestTag,
} from "../../../src/views/container-image-items.ts";
import { failuresText } from "../../../src/views/error-text.ts";
import { groupImages } from "../../../src/views/image-groups.ts";
import { availableItem, cachedItem, cachedSummary, sortCached } from "../../../src/views/image-items.ts";
import { arrangeOperations, detailsText, operationItem } from "../../../src/views/operation-items.ts";
import { ageText } from "../../../src/views/phrases.ts";
import { typedPort } from "../../../src/views/port-text.ts";
import {
  actionsOfSnapshot,
  childrenOf,
  removalText,
  snapshotItem,
  snapshotTooltip,
} from "../../../src/views/snapshot-tree.ts";
import { containerImageProblem, grownDisk, suggestClone } from "../../../src/views/wizard-choices.ts";
import { cachedImage, imageEntry, instance, operation, snapshot, storedImage } from "./fixtures.ts";

const NOW = new Date("2026-11-23T12:00:00.000Z");

test("snapshots are a tree, and none is lost", () => {
  const root = snapshot({ name: "a", children: ["b", "c"] });
  const b = snapshot({ name: "b", parent: "a", createdAt: "2026-11-23T11:00:00.000Z" });
  const c = snapshot({ name: "c", parent: "a", createdAt: "2026-11-23T10:30:00.000Z" });
  const orphan = snapshot({ name: "d", parent: "gone", createdAt: "2026-11-24T10:00:00.000Z" });
  const all = [orphan, b, root, c];
  expect(childrenOf(all, undefined).map(({ name }) => name)).toEqual(["a", "d"]);
  expect(childrenOf(all, "a").map(({ name }) => name)).toEqual(["c", "b"]);
  expect(childrenOf(all, "c")).toEqual([]);
});

test("a snapshot's row marks where the instance stands, and offers what its instance allows", () => {
  const one = snapshot({ current: true, comment: "before\nthe  upgrade" });
  const item = snapshotItem(one, instance({ state: "stopped" }), NOW);
  expect(item.description).toBe("current · 2 hours ago · before the upgrade");
  expect(item.icon.color).toBe("charts.green");
  expect(item.contextValue).toBe("snapshot+rollBack+restoreSnapshot+deleteSnapshot+editSnapshot");
  expect(actionsOfSnapshot(instance())).toEqual(["rollBack", "editSnapshot"]);
  const away = { name: "zone1", available: false };
  expect(actionsOfSnapshot(instance({ zone: away }))).toEqual(["editSnapshot"]);
  expect(actionsOfSnapshot(instance({ state: "deleted" }))).toEqual([]);
  expect(snapshotTooltip(snapshot({ comment: "<b>[x](y)" }))).toContain("\\<b\\>\\[x\\]\\(y\\)");
});

test("what nobody has asked for is told as automatic", () => {
  const taken = snapshot({ name: "before-resize-1", before: "resize" });
  expect(snapshotItem(taken, undefined, NOW).description).toBe("automatic · 2 hours ago");
  expect(snapshotTooltip(taken)).toContain("until ten newer ones are there");
  expect(snapshotTooltip(snapshot())).not.toContain("ten newer");
});

test.each([
  [{}, "What only this snapshot holds is gone for good."],
  [{ current: true }, "The instance keeps what its disk holds now."],
  [{ children: ["b", "c"], parent: "root" }, "b and c will stand on root instead; nothing in it changes."],
  [{ children: ["b"] }, "b will stand on nothing instead; nothing in it changes."],
])("removing %j says what becomes of the rest", (patch, text) => {
  expect(removalText(snapshot(patch))).toContain(text);
});

test("an image on this host tells size, age and users", () => {
  expect(cachedItem(cachedImage(), NOW)).toMatchObject({
    label: "Ubuntu 24.04 LTS",
    description: "600 MiB · 3 days ago · unused",
    contextValue: "image.cached+launch+remove",
  });
  const used = cachedItem(cachedImage({ usedBy: ["web", "db"], verified: false }), NOW);
  expect(used).toMatchObject({ contextValue: "image.cached+launch" });
  expect(used.description).toContain("used by web and db");
  expect(used.ariaLabel).toContain("not verified");
  const [first] = sortCached([
    cachedImage(),
    cachedImage({ id: "b", lastUsedAt: "2026-11-23T00:00:00.000Z" }),
  ]);
  expect(first?.id).toBe("b");
  expect(cachedSummary([cachedImage(), cachedImage()])).toBe("2 · 1.2 GiB");
});

test("an image of a catalog can be pulled unless it is on this host", () => {
  const of = (cached: boolean) => {
    const [group] = groupImages([imageEntry({ cached })]);
    const [choice] = group?.choices ?? [];
    return choice && availableItem(choice, "Popular").contextValue;
  };
  expect(of(false)).toBe("image.available+launch+pull");
  expect(of(true)).toBe("image.available+launch");
});

test("an image of a container tells size, age and who stands on it", () => {
  expect(storedItem(storedImage(), NOW)).toMatchObject({
    label: "nginx:1.27",
    description: "64 MiB · 3 days ago · unused",
    contextValue: "image.stored+launch+pull+remove",
    ariaLabel: "nginx:1.27, Docker, 64 MiB, 3 days ago, unused",
  });
  const used = storedItem(storedImage({ usedBy: ["web"], inUse: true }), NOW);
  expect(used).toMatchObject({ contextValue: "image.stored+launch+pull" });
  expect(used.description).toContain("used by web");
  const foreign = storedItem(storedImage({ inUse: true, ours: false }), NOW);
  expect(foreign.contextValue).toBe("image.stored+launch+pull");
  expect(foreign.description).toContain("used by containers made elsewhere");
  const nameless = storedItem(storedImage({ references: [] }), NOW);
  expect(nameless).toMatchObject({ label: "0123456789ab", contextValue: "image.stored+remove" });
  const [first] = sortStored([
    storedImage(),
    storedImage({ id: "b", createdAt: "2026-11-21T00:00:00.000Z" }),
  ]);
  expect(first?.id).toBe("b");
  expect(storedItem(storedImage({ references: ["<b>[x](y)"] }), NOW).tooltip).toContain("\\<b\\>\\[x\\]");
});

test("a runtime tells how much it has; what is not known is not told", () => {
  const described = [[], [storedImage(), storedImage()], undefined].map(
    (all) => runtimeItem("podman", all).description,
  );
  expect(described).toEqual(["none yet", "2 · 128 MiB", ""]);
  expect(runtimeItem("podman", [])).toMatchObject({ label: "Podman", id: "section:podman" });
});

test.each([
  [{ state: "waiting", done: 0 }, "waiting"],
  [{ state: "moving", done: 1024 }, "1 KiB"],
  [{ state: "moving", done: 1024, total: 4096 }, "25 %"],
  [{ state: "unpacking", done: 4096, total: 4096 }, "unpacking"],
  [{ state: "done", done: 4096 }, "there"],
] as const)("a layer %j: %s", (part, description) => {
  const item = layerItem(operation(), { id: "sha256:0123456789abcdef", ...part });
  expect(item).toMatchObject({ label: "0123456789ab", description });
});

test.each([
  ["/home/me/My App", "my-app:latest"],
  ["C:\\src\\web_1\\", "web-1:latest"],
  ["/", "app:latest"],
])("what is built in %j may be called %s", (directory, tag) => {
  expect(suggestTag(directory)).toBe(tag);
  expect(containerImageProblem(tag)).toBeUndefined();
});

test("operations: what runs comes first, then the newest; what was cleared is gone", () => {
  const at = (minute: number) => `2026-11-23T11:0${minute}:00.000Z`;
  const a = operation({ target: "a", status: "succeeded", updatedAt: at(1) });
  const b = operation({ target: "b", createdAt: at(0) });
  const c = operation({ target: "c", status: "failed", updatedAt: at(5) });
  expect(arrangeOperations([a, b, c]).map(({ target }) => target)).toEqual(["b", "c", "a"]);
  expect(arrangeOperations([a, b, c], new Set([c.id])).map(({ target }) => target)).toEqual(["b", "a"]);
});

test("an operation's row says what it is and how it went", () => {
  const error = { code: "busy" as const, message: "cannot start web: it is busy", hint: "Wait." };
  const failed = operation({ kind: "start", target: "web", status: "failed", error });
  expect(operationItem(failed, NOW)).toMatchObject({
    label: "Start web",
    description: "cannot start web: it is busy · 2 hours ago",
    contextValue: "operation.failed+details+error",
  });
  expect(detailsText(failed)).toContain("Cannot start web: it is busy. Wait.\n(busy)");
  const downloading = operation({ progress: { phase: "download", done: 1, total: 4 } });
  expect(operationItem(downloading, NOW)).toMatchObject({
    label: "Launch primary",
    description: "downloading 25 %",
    contextValue: "operation.running+details+cancel",
  });
  expect(operationItem(operation({ cancellable: false }), NOW).contextValue).toBe(
    "operation.running+details",
  );
  const warned = operation({ status: "succeeded", warnings: ["it was slow"] });
  expect(operationItem(warned, NOW).description).toBe("1 warning · 2 hours ago");
});

test("failures of several make one message", () => {
  const failures = ["a", "b", "c", "d", "e"].map((name) => ({
    instance: { name },
    error: { message: `cannot stop ${name}: no` },
  }));
  expect(failuresText(failures, 7)).toBe(
    "5 of 7 failed. Cannot stop a: no. Cannot stop b: no. Cannot stop c: no. 2 more failed.",
  );
});

test.each([
  ["80", { protocol: "tcp", hostAddress: "127.0.0.1", guestPort: 80 }],
  ["8080:80", { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 80 }],
  [" 5353:53/UDP ", { protocol: "udp", hostAddress: "127.0.0.1", hostPort: 5353, guestPort: 53 }],
  ["0.0.0.0:8080:80", { protocol: "tcp", hostAddress: "0.0.0.0", hostPort: 8080, guestPort: 80 }],
  ["0", undefined],
  ["70000", undefined],
  ["300.1.1.1:1:1", undefined],
  ["80/sctp", undefined],
  ["", undefined],
])("the port %j", (text, port) => expect(typedPort(text)).toEqual(port));

test.each([
  ["90s", 90_000],
  ["10m", 600_000],
  ["1h 30m", 5_400_000],
  ["2d", 172_800_000],
  ["0m", undefined],
  ["10", undefined],
  ["soon", undefined],
  ["9999d", undefined],
])("the time %j", (text, ms) => expect(parseDuration(text)).toBe(ms));

test.each([
  ["2026-11-23T11:59:30.000Z", "just now"],
  ["2026-11-23T11:59:00.000Z", "1 minute ago"],
  ["2026-11-23T09:00:00.000Z", "3 hours ago"],
  ["2026-11-22T11:00:00.000Z", "1 day ago"],
  ["2024-01-01T00:00:00.000Z", "2 years ago"],
  ["2027-01-01T00:00:00.000Z", "just now"],
])("%s is %s", (time, text) => expect(ageText(time, NOW)).toBe(text));

test("labels are read as they are written", () => {
  expect(labelsFrom("env=test, web,a/b=c d")).toEqual({ env: "test", web: "", "a/b": "c d" });
  expect(labelsText({ web: "", env: "test" })).toBe("env=test,web");
  expect(labelsFrom("")).toEqual({});
  for (const bad of ["=x", "a b", "-a", "a='x'", "a=b=c", `${"x".repeat(64)}`, "a=\u0007"])
    expect(() => labelsFrom(bad), bad).toThrow(/is not a label/);
  expect(() => labelsFrom(Array.from({ length: 33 }, (_, at) => `l${at}`).join())).toThrow(/more than 32/);
});

test("a disk can only grow, by what is free", () => {
  const host = { cpus: 1, memoryBytes: 2 ** 30, freeDiskBytes: 2 ** 30 };
  const now = 5 * 2 ** 30 + 1;
  expect(grownDisk("5 GiB", now, host)).toEqual({ value: now });
  expect(grownDisk("6 GiB", now, host)).toEqual({ value: 6 * 2 ** 30 });
  expect(grownDisk("4G", now, host)).toEqual({ refused: "It has 5 GiB now, and can only grow." });
  expect(grownDisk("7G", now, host)).toHaveProperty("warning");
  expect(suggestClone("web", new Set(["web-clone1"]))).toBe("web-clone2");
});
