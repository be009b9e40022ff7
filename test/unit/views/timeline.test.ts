/** What an instance can go back to, as its panel shows it. */
import { expect, test } from "vitest";
import type { Instance, InstanceState } from "../../../src/api/instance.ts";
import { type Moments, momentId, TIMELINE_COMMANDS, timeline } from "../../../src/views/panel/timeline.ts";
import { dayText, timeText } from "../../../src/views/phrases.ts";
import { backup, instance, operation, snapshot } from "./fixtures.ts";

const at = (hour: number) => `2026-11-23T${String(hour).padStart(2, "0")}:00:00.000Z`;

const rowsOf = (patch: Partial<Moments> = {}) =>
  timeline({
    instance: instance({ state: "stopped" }),
    snapshots: [],
    backups: [],
    operations: [],
    ...patch,
  });

const labels = (row: ReturnType<typeof rowsOf>[number] | undefined) => row?.actions.map(({ label }) => label);

test("snapshots, kept memory and backups stand in one row of time, the newest first", () => {
  const suspended = operation({ kind: "suspend", status: "succeeded", updatedAt: at(13) });
  const kept = backup({ at: at(12), isProtected: true });
  const rows = rowsOf({
    instance: instance({ state: "suspended", updatedAt: at(15) }),
    snapshots: [snapshot({ name: "old", createdAt: at(10) }), snapshot({ name: "new", createdAt: at(14) })],
    backups: [kept],
    operations: [
      operation({ kind: "suspend", target: "other", status: "succeeded", updatedAt: at(16) }),
      suspended,
    ],
  });
  expect(rows.map(({ kind, name }) => [kind, name])).toEqual([
    ["snapshot", "new"],
    ["memory", "Kept memory"],
    ["backup", "Backup in main"],
    ["snapshot", "old"],
  ]);
  expect(rows[1]).toMatchObject({ day: dayText(at(13)), time: timeText(at(13)) });
  expect(rows[2]).toMatchObject({
    id: momentId(kept),
    what: "1 MiB added · taken while running, its filesystems in order · protected",
  });
});

test("what nobody has asked for, and where the instance stands, is marked", () => {
  const [automatic, mine] = rowsOf({
    snapshots: [
      snapshot({ createdAt: at(10), current: true, comment: "a\u001b[2Jb" }),
      snapshot({ createdAt: at(11), before: "resize" }),
    ],
  });
  expect(automatic).toMatchObject({ automatic: true, what: "Automatic snapshot" });
  expect(automatic).not.toHaveProperty("current");
  expect(mine).toMatchObject({ current: true, what: "Snapshot · ab" });
  expect(labels(automatic)).toEqual(["Roll Back", "Rename", "Delete"]);
});

test("what was rolled back is undone from the newest row, until something newer is kept", () => {
  const before = snapshot({ createdAt: at(12), before: "restore" });
  const older = snapshot({ createdAt: at(11), before: "restore" });
  const [newest, next] = rowsOf({ snapshots: [older, before] });
  expect(newest?.actions[0]).toEqual({ command: "berth.rollBack", label: "Undo", primary: true });
  expect(labels(next)).toContain("Roll Back");
  const [later, then] = rowsOf({ snapshots: [before], backups: [backup({ at: at(13) })] });
  expect(labels(later)).toEqual(["Roll Back", "Files", "New Instance…"]);
  expect(labels(then)).not.toContain("Undo");
});

const zone = { name: "zone1", available: false };
test.each<[Partial<Instance>, string | undefined, string[], string[]]>([
  [
    { state: "stopped" },
    undefined,
    ["Roll Back", "Rename", "Delete"],
    ["Roll Back", "Files", "New Instance…"],
  ],
  [{ state: "running" }, undefined, ["Roll Back", "Rename"], ["Roll Back", "Files", "New Instance…"]],
  [{ state: "suspended" }, undefined, ["Roll Back", "Rename"], ["Roll Back", "Files", "New Instance…"]],
  [{ state: "running", operation: crypto.randomUUID() }, undefined, ["Rename"], ["Files", "New Instance…"]],
  [{ state: "stopped", zone }, undefined, ["Rename"], ["Files", "New Instance…"]],
  [{ state: "stopped" }, "the engine is gone", [], []],
])("%j, away: %j", (patch, lost, ofSnapshot, ofBackup) => {
  const moments = { instance: instance(patch), snapshots: [snapshot()], backups: [backup()], lost };
  const rows = rowsOf(moments);
  expect(labels(rows.find(({ kind }) => kind === "snapshot"))).toEqual(ofSnapshot);
  expect(labels(rows.find(({ kind }) => kind === "backup"))).toEqual(ofBackup);
});

test.each<InstanceState>(["stopped", "running", "suspended"])(
  "a row of one that is %s asks for nothing else",
  (state) => {
    const rows = rowsOf({ instance: instance({ state }), snapshots: [snapshot()], backups: [backup()] });
    for (const { command } of rows.flatMap(({ actions }) => actions))
      expect(TIMELINE_COMMANDS.has(command), command).toBe(true);
  },
);
