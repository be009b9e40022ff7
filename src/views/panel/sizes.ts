/** What a person typed into the form of sizes. Pure. */
import type { Instance } from "../../api/instance.ts";
import type { SizeChange } from "../../api/lifecycle.ts";
import { EngineError } from "../../base/errors.ts";
import { formatBytes, parseSize } from "../../base/units.ts";
import type { SizeForm } from "./protocol.ts";

const POLICIES = ["off", "on", "restore"] as const;

/** Only what differs from what it has. Throws `invalid-argument` for what cannot be. */
export function sizeChangeOf(instance: Instance, form: SizeForm): SizeChange {
  const bad = (reason: string, hint: string) =>
    new EngineError("invalid-argument", `cannot change ${instance.name}: ${reason}`, { hint });
  const { container } = instance;
  const isOpen = (text: string) => container !== undefined && text.trim() === "";
  const cpus = /^\d{1,3}$/.test(form.cpus.trim()) ? Number(form.cpus) : 0;
  if (cpus < 1 && !isOpen(form.cpus))
    throw bad(`${form.cpus || "nothing"} is not a number of CPUs`, "Give a whole number from 1.");
  const autostart = POLICIES.find((one) => one === form.autostart);
  if (!autostart) throw bad(`${form.autostart} is not a policy`, `Give one of ${POLICIES.join(", ")}.`);
  const wanted = {
    cpus,
    memoryBytes: isOpen(form.memory) ? 0 : typed(form.memory, instance.memoryBytes, "memory"),
    diskBytes: container ? instance.diskBytes : typed(form.disk, instance.diskBytes, "disk"),
    autostart,
  };
  const keys = Object.keys(wanted) as (keyof typeof wanted)[];
  return Object.fromEntries(
    keys.filter((key) => wanted[key] !== instance[key]).map((key) => [key, wanted[key]]),
  );
}

/** What was not touched stays to the byte, though it is shown rounded. */
function typed(text: string, now: number, what: string): number {
  return text.trim() === formatBytes(now) ? now : parseSize(text, what);
}
