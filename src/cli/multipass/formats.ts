/**
 * What Multipass (main of 2026) prints for lists of instances, in its four formats, and what its other formats share.
 * Types of values are Multipass's too: counts and disk sizes are strings in JSON, memory sizes numbers. Pure.
 */

import type { Instance, InstanceDetails } from "../../api/instance.ts";
import { withoutControls } from "../../base/plain-text.ts";
import { columns, csv, json, yaml } from "./render.ts";
import { multipassState } from "./states.ts";

export type MultipassFormat = "table" | "json" | "csv" | "yaml";

export type InfoItem = { instance: Instance; details: InstanceDetails };

export function zoneOf({ zone }: Instance): { name: string; available: boolean } {
  return { name: zone.name, available: zone.available };
}

/** As tables show it. */
export function zoneText(instance: Instance): string {
  const { name, available } = zoneOf(instance);
  return available ? name : `${name}(n/a)`;
}

const LIST_WIDTHS = [24, 18, 17, 20];

export const clean = (text: string) => withoutControls(text).replace(/[\t\n]/g, " ");

/** `Ubuntu 24.04 LTS`; `Not Available` where nothing is known. */
export function releaseOf({ image }: Pick<Instance, "image">): string {
  const text = [image.os, image.release].filter(Boolean).join(" ") || image.reference;
  return clean(text) || "Not Available";
}

export function addressesOf({ state, address }: Instance, details?: InstanceDetails): string[] {
  if (state !== "running") return [];
  return [...new Set([address, ...(details?.addresses ?? [])])];
}

/** Without `addresses` none is shown: who does not want them need not wait for guests. */
export function listFormat(
  items: readonly Instance[],
  format: MultipassFormat,
  { addresses = true } = {},
): string {
  const ipv4Of = (one: Instance) => (addresses ? addressesOf(one) : []);
  if (format === "json") {
    const shape = (one: Instance) => ({
      ...{ name: one.name, state: multipassState(one), ipv4: ipv4Of(one) },
      ...{ release: releaseOf(one), zone: zoneOf(one) },
    });
    return json({ list: items.map(shape) });
  }
  if (format === "yaml") {
    const shape = (one: Instance) => ({
      ...{ state: multipassState(one), zone: zoneOf(one), ipv4: ipv4Of(one), release: releaseOf(one) },
    });
    return yaml(Object.fromEntries(items.map((one) => [one.name, [shape(one)]])));
  }
  if (format === "csv") {
    const rows = items.map((one) => {
      const { name, available } = zoneOf(one);
      const ipv4 = ipv4Of(one);
      const facts = [one.name, multipassState(one), ipv4[0] ?? "", releaseOf(one), `"${ipv4.join(",")}"`];
      return [...facts, name, String(available)];
    });
    return csv("Name,State,IPv4,Release,AllIPv4,Zone,Zone available", rows);
  }
  if (items.length === 0) return "No instances found.\n";
  const rows = items.flatMap((one) => {
    const [first = "--", ...more] = ipv4Of(one);
    return [
      [one.name, multipassState(one), first, releaseOf(one), zoneText(one)],
      ...more.map((address) => ["", "", address, "", ""]),
    ];
  });
  return columns(["Name", "State", "IPv4", "Image", "Zone"], rows, LIST_WIDTHS);
}

/** Under the value of the row above. */
export const CONTINUED = `\n${" ".repeat(16)}`;

/** `Key:` in a column of sixteen. */
export function rowsText(rows: readonly (readonly [string, string])[]): string {
  return rows.map(([key, value]) => `${`${key}:`.padEnd(16)}${value}\n`).join("");
}

/** `1.2GiB`: one decimal, in the largest unit that leaves at least one; whole bytes below a KiB. */
export function humanSize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  const at = Math.max(
    0,
    units.findLastIndex((_, index) => bytes >= 1024 ** index),
  );
  return at === 0 ? `${bytes}B` : `${(bytes / 1024 ** at).toFixed(1)}${units[at]}`;
}
