/** What the status bar says. Pure. */

import type { Instance } from "../api/instance.ts";
import type { Operation } from "../api/operation.ts";
import { descriptionOf, runningCount } from "./items.ts";
import { l10n } from "./l10n.ts";
import { operationText, STATE_WORDS } from "./phrases.ts";
import { escapeMarkdown } from "./tooltip.ts";

export type Row = { instance: Instance; operation: Operation | undefined };

/** `$(vm) 2 running`, `$(loading~spin) web: downloading 43 %`; undefined where there is nothing to say. Pure. */
export function statusText(rows: readonly Row[]): string | undefined {
  if (rows.length === 0) return undefined;
  const busy = rows.filter(({ operation }) => operation !== undefined);
  const [first] = busy;
  if (first?.operation && busy.length === 1) {
    return `$(loading~spin) ${first.instance.name}: ${operationText(first.operation)}`;
  }
  if (busy.length > 1) return `$(loading~spin) ${l10n.t("{0} instances at work", busy.length)}`;
  return `$(vm) ${l10n.t("{0} running", runningCount(rows.map(({ instance }) => instance)))}`;
}

/** More would not fit on a screen. */
const MOST_ROWS = 20;

export function statusTooltip(rows: readonly Row[]): string {
  const told = [...rows].sort((a, b) => rank(a) - rank(b)).slice(0, MOST_ROWS);
  const more = rows.length - told.length;
  const lines = told.map(({ instance, operation }) => {
    const what =
      instance.state === "running" || operation
        ? descriptionOf(instance, operation)
        : STATE_WORDS[instance.state];
    return `| ${escapeMarkdown(instance.name)}\u2003 | ${escapeMarkdown(what)} |`;
  });
  return [
    ...["**Berth**", "", "| | |", "|:--|:--|", ...lines],
    ...(more > 0 ? ["", l10n.t("and {0} more", more)] : []),
  ].join("\n");
}

/** What is at work, then what runs, then the rest. */
function rank({ instance, operation }: Row): number {
  if (operation) return 0;
  return instance.state === "running" ? 1 : 2;
}
