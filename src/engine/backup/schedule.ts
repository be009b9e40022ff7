/** When a scheduled backup is due. By the host's own clock, as people mean it; a day that the clock is changed counts, too. */
import type { Schedule } from "../../api/backup.ts";

/** The last moment at or before `now` that the schedule names. */
export function lastDue(schedule: Schedule, now: Date): Date {
  const due = dueAround(schedule, now, 0);
  return due.getTime() <= now.getTime() ? due : dueAround(schedule, now, -1);
}

/** The first moment after `now` that the schedule names. */
export function nextDue(schedule: Schedule, now: Date): Date {
  const due = dueAround(schedule, now, 0);
  return due.getTime() > now.getTime() ? due : dueAround(schedule, now, 1);
}

/**
 * Whether one is to begin now: its time has come since the last one began. A last one that began after `now` means
 * that the clock was set back; then what it says is not relied on, and the backup is made rather than left out.
 */
export function isDue(schedule: Schedule, now: Date, lastBegan: Date | undefined): boolean {
  if (!lastBegan || lastBegan.getTime() > now.getTime()) return true;
  return lastBegan.getTime() < lastDue(schedule, now).getTime();
}

/** The schedule's moment in the period of `now`, or so many periods from it. */
function dueAround(schedule: Schedule, now: Date, periods: number): Date {
  const [year, month, day] = [now.getFullYear(), now.getMonth(), now.getDate()];
  if (schedule.every === "hour") {
    // Hours are counted by elapsed time: one that the clock skips or repeats is an hour, too.
    const due = new Date(now);
    due.setMinutes(schedule.minute, 0, 0);
    return new Date(due.getTime() + periods * 3_600_000);
  }
  const [hours, minutes] = schedule.at.split(":").map(Number) as [number, number];
  switch (schedule.every) {
    case "day":
      return new Date(year, month, day + periods, hours, minutes);
    case "week": {
      const monday = day - ((now.getDay() + 6) % 7);
      return new Date(year, month, monday + schedule.weekday - 1 + 7 * periods, hours, minutes);
    }
    case "month": {
      const daysInMonth = new Date(year, month + periods + 1, 0).getDate();
      return new Date(year, month + periods, Math.min(schedule.day, daysInMonth), hours, minutes);
    }
  }
}
