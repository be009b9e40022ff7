/**
 * Where each instance stands in the tree: in which group, in which order, hidden by the filter or not. Pure. It tells
 * what a change makes necessary, so that one event never draws a thousand rows anew.
 */

import type { Instance, InstanceState } from "../api/instance.ts";
import { labelsText } from "../api/labels.ts";
import { l10n } from "./l10n.ts";
import type { Model } from "./model.ts";
import { capitalised, imageText, STATE_WORDS } from "./phrases.ts";

/** `label:env` groups by the value of that label. */
export type GroupBy = "none" | "state" | "kind" | "engine" | "zone" | `label:${string}`;

export type Group = { key: string; label: string; ids: string[] };

/** What has to be drawn anew: everything, or these groups with what is in them and these rows. */
export type Redraw = { all: boolean; groups: string[]; rows: string[] };

/** Keys of groups are free text of the user's, so these two are apart from them. */
const TRASH = "\0trash";
const HIDDEN = "\0hidden";
const ROOT = "";

type Place = { group: string; name: string };

export class InstanceRows {
  readonly #model: Pick<Model, "all" | "get">;
  readonly #places = new Map<string, Place>();
  #by: GroupBy = "none";
  #words: readonly string[] = [];
  #layout: { groups: Group[]; trash: string[] } | undefined;

  constructor(model: Pick<Model, "all" | "get">) {
    this.#model = model;
    this.#place();
  }

  /** Everything has its place anew. */
  arrange(by: GroupBy, filter: string): void {
    this.#by = by;
    this.#words = wordsOf(filter);
    this.#place();
  }

  get grouped(): boolean {
    return this.#by !== "none";
  }

  /** In the order in which they are shown; flat, there is one group, whose key is empty. */
  get groups(): readonly Group[] {
    return this.#arranged().groups;
  }

  get trash(): readonly string[] {
    return this.#arranged().trash;
  }

  /** How many of those that are not in the trash the filter lets through. */
  get shown(): number {
    return this.groups.reduce((sum, { ids }) => sum + ids.length, 0);
  }

  group(key: string): Group | undefined {
    return this.groups.find((group) => group.key === key);
  }

  /** Key of the group in which it stands now; undefined where it is hidden, unknown or in the trash. */
  groupOf(id: string): string | undefined {
    const group = this.#places.get(id)?.group;
    return group === TRASH || group === HIDDEN ? undefined : group;
  }

  /** These instances changed, came or went. */
  update(ids: readonly string[]): Redraw {
    const rows: string[] = [];
    const touched = new Set<string>();
    for (const id of new Set(ids)) {
      const before = this.#places.get(id);
      const instance = this.#model.get(id);
      const after = instance && this.#placeOf(instance);
      if (after) this.#places.set(id, after);
      else this.#places.delete(id);
      if (before?.group === after?.group && before?.name === after?.name) {
        if (after && after.group !== HIDDEN) rows.push(id);
        continue;
      }
      for (const place of [before, after]) if (place && place.group !== HIDDEN) touched.add(place.group);
    }
    if (touched.size === 0) return { all: false, groups: [], rows };
    const known = this.#layout?.groups.map(({ key }) => key).join("\0");
    this.#layout = undefined;
    const same = known === this.groups.map(({ key }) => key).join("\0");
    const all = !same || touched.has(ROOT) || touched.has(TRASH);
    return all ? { all, groups: [], rows: [] } : { all, groups: [...touched], rows };
  }

  #place(): void {
    this.#layout = undefined;
    this.#places.clear();
    for (const instance of this.#model.all()) this.#places.set(instance.id, this.#placeOf(instance));
  }

  #placeOf(instance: Instance): Place {
    const { name } = instance;
    if (instance.state === "deleted") return { group: TRASH, name };
    if (!matches(instance, this.#words)) return { group: HIDDEN, name };
    return { group: groupKey(instance, this.#by), name };
  }

  #arranged(): { groups: Group[]; trash: string[] } {
    if (this.#layout) return this.#layout;
    const groups = new Map<string, Group>();
    const trash: string[] = [];
    for (const { id } of this.#model.all()) {
      const key = this.#places.get(id)?.group;
      if (key === TRASH) trash.push(id);
      if (key === undefined || key === TRASH || key === HIDDEN) continue;
      const group = groups.get(key) ?? { key, label: groupLabel(key, this.#by), ids: [] };
      groups.set(key, group);
      group.ids.push(id);
    }
    this.#layout = { groups: [...groups.values()].sort(compareGroups(this.#by)), trash };
    return this.#layout;
  }
}

const NONE = "\0none";

function groupKey(instance: Instance, by: GroupBy): string {
  switch (by) {
    case "none":
      return ROOT;
    case "state":
      return instance.state;
    case "kind":
      return instance.kind;
    case "engine":
      return "local";
    case "zone":
      return instance.zone.name;
    default:
      return instance.labels[by.slice("label:".length)] ?? NONE;
  }
}

/** The order of states in which a person looks for something. */
const STATES: readonly InstanceState[] = [
  ...(["running", "creating", "starting", "restarting", "stopping", "suspending"] as const),
  ...(["suspended", "stopped", "failed", "unknown", "deleted"] as const),
];

function groupLabel(key: string, by: GroupBy): string {
  if (by === "state") return capitalised(STATE_WORDS[key as InstanceState]);
  if (by === "kind") return key === "container" ? l10n.t("Containers") : l10n.t("Virtual Machines");
  if (by === "engine") return l10n.t("This Computer");
  if (!by.startsWith("label:")) return key;
  const label = by.slice("label:".length);
  if (key === NONE) return l10n.t("Without {0}", label);
  return key === "" ? label : `${label}: ${key}`;
}

function compareGroups(by: GroupBy): (a: Group, b: Group) => number {
  if (by === "state")
    return (a, b) => STATES.indexOf(a.key as InstanceState) - STATES.indexOf(b.key as InstanceState);
  const last = ({ key }: Group) => (key === NONE ? 1 : 0);
  return (a, b) => last(a) - last(b) || a.key.localeCompare(b.key, "en", { numeric: true });
}

/** The keys of all labels, in order: what one may group by. */
export function labelKeys(instances: readonly Instance[]): string[] {
  return [...new Set(instances.flatMap(({ labels }) => Object.keys(labels)))].sort();
}

export function isGroupBy(text: unknown): text is GroupBy {
  return typeof text === "string" && /^(none|state|kind|engine|zone|label:.+)$/s.test(text);
}

export function wordsOf(filter: string): string[] {
  return filter.toLowerCase().split(/\s+/).filter(Boolean);
}

/** Every word occurs somewhere in what the row and its tooltip tell. */
export function matches(instance: Instance, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const { name, state, image, address, zone, labels, kind, driver } = instance;
  const facts = [name, STATE_WORDS[state], imageText(image), image.reference, image.release, address];
  const text = [...facts, zone.name, labelsText(labels), kind, driver].join("\n").toLowerCase();
  return words.every((word) => text.includes(word));
}
