/** Rows of repositories, of instances that lie in them, of backups; and what can be chosen of a plan. */
import { describe, expect, test } from "vitest";
import type { Retention, Schedule } from "../../../src/api/backup.ts";
import type { Operation } from "../../../src/api/operation.ts";
import { retentionFrom, retentionText, scheduleOf } from "../../../src/client/backup-plan-text.ts";
import { BackupCache } from "../../../src/views/backup-cache.ts";
import {
  actionsOfBackup,
  backedUp,
  backedUpItem,
  backupItem,
  repositoryItem,
} from "../../../src/views/backup-items.ts";
import { momentText, shortDateText, timeText } from "../../../src/views/phrases.ts";
import {
  KEEPS,
  numberProblem,
  retentionProblem,
  retentionWords,
  scheduleText,
  timeProblem,
} from "../../../src/views/plan-choices.ts";
import { backup, extraDisk, instance, operation, plan, repository } from "./fixtures.ts";

const NOW = new Date("2026-11-23T12:00:00.000Z");
const web = instance({ name: "web", state: "stopped" });
const ofWeb = (patch = {}) => backup({ instance: { id: web.id, kind: "vm", name: "web" }, ...patch });

describe("what lies in a repository", () => {
  test("is told by instance, the newest backup first, under the name that it has now", () => {
    const gone = backup({ instance: { id: crypto.randomUUID(), kind: "vm", name: "db" } });
    const items = [ofWeb({ id: "1", at: "2026-11-21T10:00:00.000Z" }), ofWeb({ id: "2" }), gone];
    const renamed = { ...web, name: "www" };
    const groups = backedUp("main", { items }, [], [renamed]);
    expect(groups.map(({ name, backups }) => [name, backups.map(({ id }) => id)])).toEqual([
      ["db", [gone.id]],
      ["www", ["2", "1"]],
    ]);
  });

  test("one that is only planned has its row; one that is planned elsewhere has none", () => {
    const plans = [plan({ instance: "web" }), plan({ instance: "db", repository: "other" })];
    const groups = backedUp("main", { items: [] }, plans, [web, instance({ name: "db" })]);
    expect(groups).toMatchObject([{ id: web.id, backups: [], plan: { instance: "web" } }]);
  });
});

describe("a repository's row", () => {
  const of = (
    ...[contents, plans = [], doing]: Partial<
      [Parameters<typeof repositoryItem>[1], Parameters<typeof repositoryItem>[2], Operation]
    >
  ) => repositoryItem(repository(), contents, plans, doing, NOW);

  test("tells how much it holds, where it is and what comes next", () => {
    const nextAt = "2026-11-23T13:00:00.000Z";
    const item = of({ items: [ofWeb(), ofWeb()], problems: [] }, [
      plan({ nextAt }),
      plan({ repository: "b" }),
    ]);
    expect(item.description).toBe(`2 backups, 2 MiB · next ${momentText(nextAt, NOW)} · /srv/backups`);
    expect(item.contextValue).toBe("repository+backUp+look+keep");
    expect(item.icon.id).toBe("database");
  });

  test("tells that it is being read, is empty, or cannot be read and why", () => {
    expect(of().description).toBe("being read · /srv/backups");
    expect(of({ items: [], problems: [] }).description).toBe("empty · /srv/backups");
    const problem = {
      code: "x",
      severity: "warning",
      message: "the place is away",
      hint: "Plug it in.",
    } as const;
    const away = of({ items: [], problems: [problem] });
    expect(away).toMatchObject({ description: "cannot be read · /srv/backups", icon: { id: "warning" } });
    expect(away.tooltip).toContain("The place is away. Plug it in");
  });

  test("tells of a planned backup that could not be made", () => {
    const item = of({ items: [], problems: [] }, [plan({ instance: "web", problem: "no room" })]);
    expect(item.icon.id).toBe("warning");
    expect(item.ariaLabel).toContain("web could not be backed up: no room");
  });

  test("tells what is done to it, and offers nothing then that would wait for that", () => {
    const doing = operation({ kind: "prune-repository", target: "main" });
    const item = of({ items: [], problems: [] }, [], doing);
    expect(item.description).toContain("pruning the repository");
    expect(item).toMatchObject({ contextValue: "repository+keep", icon: { id: "loading~spin" } });
  });
});

describe("an instance's row", () => {
  const group = { id: web.id, name: "web", backups: [ofWeb({ at: "2026-11-23T10:00:00.000Z" })] };

  test("tells the last and the next", () => {
    const nextAt = "2026-11-23T13:00:00.000Z";
    const item = backedUpItem("main", { ...group, plan: plan({ nextAt }) }, web, NOW);
    expect(item.description).toBe(`backed up 2 hours ago · next ${timeText(nextAt)}`);
    expect(item.contextValue).toBe("backed-up+backUp+plan");
    expect(item.tooltip).toContain("every day at 02:30");
  });

  test("tells that it is no longer there, or that the last attempt failed", () => {
    expect(backedUpItem("main", group, undefined, NOW)).toMatchObject({
      ...{ description: "backed up 2 hours ago · no longer there", contextValue: "backed-up" },
    });
    const failed = backedUpItem("main", { ...group, plan: plan({ problem: "no room" }) }, web, NOW);
    expect(failed.description).toMatch(/^the last attempt failed · /);
    expect(failed.ariaLabel).toContain("no room");
    expect(backedUpItem("main", { ...group, backups: [] }, web, NOW).description).toBe("no backup yet");
  });
});

describe("a backup's row", () => {
  test("tells when, how, how much, and whether it stays", () => {
    const item = backupItem(ofWeb({ isProtected: true, consistency: "crash" }), web, NOW);
    expect(item.label).toBe(shortDateText("2026-11-23T10:00:00.000Z", NOW));
    expect(item.description).toBe("2 hours ago · 1 MiB added · taken while running · protected");
    expect(item.icon.id).toBe("shield");
  });

  test.each([
    [false, web, ["rollBack", "restoreBackup", "verify", "drill", "protect", "deleteBackup"]],
    [true, web, ["rollBack", "restoreBackup", "verify", "drill", "unprotect"]],
    [
      true,
      { ...web, disks: [extraDisk()] },
      ["rollBack", "restoreDisk", "restoreBackup", "verify", "drill", "unprotect"],
    ],
    [false, undefined, ["restoreBackup", "verify", "drill", "protect", "deleteBackup"]],
    [
      false,
      instance({ operation: crypto.randomUUID() }),
      ["restoreBackup", "verify", "drill", "protect", "deleteBackup"],
    ],
  ])("protected %j: what can be done", (isProtected, one, actions) =>
    expect(actionsOfBackup(backup({ isProtected }), one)).toEqual(actions),
  );
});

describe("a plan", () => {
  test.each<[Schedule, string | RegExp]>([
    [{ every: "hour", minute: 5 }, "every hour, 5 minutes past"],
    [{ every: "day", at: "02:30" }, "every day at 02:30"],
    [{ every: "week", at: "02:30", weekday: 7 }, /^every week on \S+ at 02:30$/],
    [{ every: "month", at: "02:30", day: 31 }, "every month on day 31 at 02:30"],
  ])("%j is told", (schedule, text) => expect(scheduleText(schedule)).toMatch(text));

  test("weeks begin on Monday, in any language", () => {
    const named = (weekday: number) => scheduleText({ every: "week", at: "00:00", weekday });
    const sunday = new Intl.DateTimeFormat(undefined, { weekday: "long" }).format(new Date(2026, 10, 29));
    expect(named(7)).toContain(sunday);
    expect(new Set([1, 2, 3, 4, 5, 6, 7].map(named)).size).toBe(7);
  });

  test.each<[Retention | undefined, string]>([
    [undefined, "all"],
    [{ last: 3 }, "the last 3"],
    [{ daily: 7, weekly: 4, yearly: 0 }, "7 daily, 4 weekly"],
  ])("of %j stay %s", (rules, words) => expect(retentionWords(rules)).toBe(words));

  test("every choice of what stays is a rule that the engine takes, and is read as it is written", () => {
    for (const { retention } of KEEPS)
      if (retention) expect(retentionFrom(retentionText(retention))).toEqual(retention);
  });

  test.each<[string | undefined, string | undefined]>([
    [timeProblem("02:30"), undefined],
    [timeProblem("24:00"), "Write a time as 02:30."],
    [timeProblem(""), "Write a time as 02:30."],
    [numberProblem("0", 0, 59), undefined],
    [numberProblem("60", 0, 59), "A whole number from 0 to 59."],
    [numberProblem("-1", 0, 59), "A whole number from 0 to 59."],
    [numberProblem("", 1, 31), "A whole number from 1 to 31."],
    [retentionProblem("daily=7, weekly=4"), undefined],
    [retentionProblem("daily=0"), "At least one rule has to keep something."],
  ])("what is typed: %j", (found, expected) => expect(found).toBe(expected));

  test("what is no rule is refused in words", () => {
    expect(retentionProblem("seven")).toMatch(/^Seven is no rule/);
    expect(scheduleOf("hour", "00:05")).toEqual({ every: "hour", minute: 5 });
  });
});

describe("what is known of repositories", () => {
  function made(list: (name: string) => Promise<unknown>) {
    const listeners = { backups: () => {}, connection: (_now: unknown) => {} };
    const api = {
      repositories: { list: async () => ({ items: [repository(), repository({ name: "other" })] }) },
      backups: {
        list: ({ repository: name }: { repository: string }) => list(name),
        plans: async () => ({ items: [] }),
      },
    };
    const mirror = {
      client: async () => ({ api }),
      onDidChangeBackups: (listener: typeof listeners.backups) => {
        listeners.backups = listener;
        return { dispose: () => {} };
      },
      onDidChangeConnection: (listener: typeof listeners.connection) => {
        listeners.connection = listener;
        return { dispose: () => {} };
      },
    };
    const cache = new BackupCache(mirror as unknown as ConstructorParameters<typeof BackupCache>[0]);
    return { cache, changed: () => listeners.backups() };
  }

  test("one that cannot be read is a problem, and hides no other", async () => {
    const one = ofWeb();
    const { cache } = made(async (name) => {
      if (name === "other") throw new Error("it is away");
      return { items: [one, backup()], problems: [] };
    });
    const { items, problems } = await cache.of(web.id);
    expect(items).toEqual([one]);
    expect(problems).toMatchObject([{ severity: "warning", message: expect.stringContaining("it is away") }]);
  });

  test("is asked for once, and again when they are others; an answer that comes late is not believed", async () => {
    const answers: ((value: unknown) => void)[] = [];
    const { cache, changed } = made(() => new Promise((resolve) => answers.push(resolve)));
    const told: (string | undefined)[] = [];
    cache.onDidChange((name) => told.push(name));
    const first = cache.contents("main");
    expect(cache.contents("main")).toBe(first);
    await expect.poll(() => answers.length).toBe(1);
    expect(told).toEqual([]);
    changed();
    expect(told).toEqual([undefined]);
    const second = cache.contents("main");
    await expect.poll(() => answers.length).toBe(2);
    answers[0]?.({ items: [], problems: [] });
    await first;
    expect([cache.known("main"), told]).toEqual([undefined, [undefined]]);
    answers[1]?.({ items: [ofWeb()], problems: [] });
    await second;
    await expect.poll(() => cache.known("main")?.items.length).toBe(1);
    expect(told).toEqual([undefined, "main"]);
    // What is shown stays until it is known anew.
    cache.refresh();
    expect(cache.known("main")?.items.length).toBe(1);
    const third = cache.contents("main");
    await expect.poll(() => answers.length).toBe(3);
    answers[2]?.({ items: [], problems: [] });
    await third;
    expect(cache.known("main")?.items.length).toBe(0);
  });
});
