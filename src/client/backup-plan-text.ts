/** When instances are backed up by themselves and which of these backups stay, as people write it. Pure. */
import type { Retention, Schedule } from "../api/backup.ts";
import { EngineError } from "../base/errors.ts";

export const KEPT = ["last", "hourly", "daily", "weekly", "monthly", "yearly"] as const;

/** `at` is a time of the day, of which an hour has the minute; `on` a day of the week from Monday, or of the month. */
export function scheduleOf(every: Schedule["every"], at: string, on = 1): Schedule {
  switch (every) {
    case "hour":
      return { every, minute: Number(/^\d\d?:([0-5]\d)$/.exec(at)?.[1] ?? Number.NaN) };
    case "day":
      return { every, at };
    case "week":
      return { every, at, weekday: on };
    case "month":
      return { every, at, day: on };
  }
}

/** `daily=7,weekly=4`. Throws `invalid-argument` for what is no rule. */
export function retentionFrom(text: string): Retention {
  const rules = text.split(",").map((rule) => {
    const [, name = "", count = ""] = /^([a-z]+)=(\d{1,5})$/.exec(rule.trim()) ?? [];
    if ((KEPT as readonly string[]).includes(name)) return [name, Number(count)] as const;
    const known = `${KEPT.join("=1,")}=1`;
    throw new EngineError("invalid-argument", `${rule} is no rule; they are written as ${known}`);
  });
  return Object.fromEntries(rules) as Retention;
}

/** As `retentionFrom` reads it. */
export function retentionText(rules: Retention): string {
  return KEPT.flatMap((name) => (rules[name] === undefined ? [] : [`${name}=${rules[name]}`])).join(",");
}
