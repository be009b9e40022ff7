/** Images, versions and aliases as Multipass prints them. Pure. */
import type { Alias, AliasBook } from "../../api/alias.ts";
import type { ImageEntry } from "../../api/image.ts";
import type { HostNetwork } from "../../api/network.ts";
import type { Zone } from "../../api/zone.ts";
import type { MultipassFormat } from "./formats.ts";
import { columns, csv, json, yaml } from "./render.ts";

/** A remote is told where one was asked for, and where it is not the usual one. */
export function findFormat(items: readonly ImageEntry[], format: MultipassFormat, asked = ""): string {
  const remote = (one: ImageEntry) => (asked.includes(":") || one.remote !== "release" ? one.remote : "");
  const facts = (one: ImageEntry) => ({ os: one.os, release: one.release, version: one.version });
  if (format === "json") {
    const of = (one: ImageEntry) => ({ ...facts(one), aliases: otherNames(one), remote: remote(one) });
    return json({ errors: [], images: Object.fromEntries(items.map((one) => [one.reference, of(one)])) });
  }
  if (format === "yaml") {
    const of = (one: ImageEntry) => ({ aliases: otherNames(one), ...facts(one), remote: remote(one) });
    return yaml({ errors: [], images: Object.fromEntries(items.map((one) => [one.reference, of(one)])) });
  }
  if (format === "csv") {
    const rows = items.map((one) => {
      const { os, release, version } = facts(one);
      return [one.reference, remote(one), otherNames(one).join(";"), os, release, version, "Cloud Image"];
    });
    return csv("Image,Remote,Aliases,OS,Release,Version,Type", rows);
  }
  if (items.length === 0) return "No images found.\n";
  const rows = items.map((one) => [
    one.reference,
    otherNames(one).join(","),
    one.version,
    [one.os, one.release].filter(Boolean).join(" "),
  ]);
  return `${columns(["Image", "Aliases", "Version", "Description"], rows, FIND_WIDTHS)}\n`;
}

const FIND_WIDTHS = [18, 28, 17];

/** Nothing, in every format: Multipass has no blueprints any more, and Berth never had. */
export function noBlueprints(format: MultipassFormat): string {
  return format === "table" ? "No blueprints found.\n" : findFormat([], format);
}

/** Without the image's key itself, `default`, and one-letter aliases. */
function otherNames({ reference, aliases }: ImageEntry): string[] {
  const key = reference.split(":").at(-1);
  return aliases.filter((alias) => alias !== key && alias !== "default" && alias.length > 1);
}

export function versionFormat(version: string, engine: string | undefined, format: MultipassFormat): string {
  const both = { multipass: version, multipassd: engine };
  if (format === "json") return json(both);
  if (format === "yaml") return yaml(both);
  if (format === "csv")
    return csv("Multipass,Multipassd,Title,Description,URL", [[version, engine ?? "", "", "", ""]]);
  return `${"multipass".padEnd(12)}${version}\n${engine === undefined ? "" : `${"multipassd".padEnd(12)}${engine}\n`}`;
}

export function networksFormat(items: readonly HostNetwork[], format: MultipassFormat): string {
  const facts = ({ type, description }: HostNetwork) => ({ type, description });
  if (format === "json") return json({ list: items.map((one) => ({ name: one.name, ...facts(one) })) });
  if (format === "yaml") return yaml(Object.fromEntries(items.map((one) => [one.name, [facts(one)]])));
  if (format === "csv") {
    return csv(
      "Name,Type,Description",
      items.map(({ name, type, description }) => [name, type, `"${description}"`]),
    );
  }
  if (items.length === 0) return "No network interfaces found.\n";
  return columns(
    ["Name", "Type", "Description"],
    items.map(({ name, type, description }) => [name, type, description]),
  );
}

export function zonesFormat(items: readonly Zone[], format: MultipassFormat): string {
  const facts = ({ available, subnet }: Zone) => ({ available, subnet });
  const all = () => Object.fromEntries(items.map((one) => [one.name, facts(one)]));
  if (format === "json") return json(all());
  if (format === "yaml") return yaml(all());
  if (format === "csv") {
    const rows = items.map(({ name, available, subnet }) => [name, String(available), subnet]);
    return csv("Name,Available,Subnet", rows);
  }
  const state = ({ available }: Zone) => (available ? "Available" : "Unavailable");
  // Only names have a column that follows them; states have one that fits the longest.
  const line = (first: string, subnet: string) => `${first.padEnd("Unavailable".length + 2)}${subnet}`;
  return columns(
    ["Name", line("State", "Subnet")],
    items.map((one) => [one.name, line(state(one), one.subnet)]),
  );
}

function byName<T>(members: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(members).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

export function aliasFormat(book: AliasBook, format: MultipassFormat): string {
  const { active, contexts } = book;
  const rows = byName(contexts).flatMap(([context, aliases]) =>
    byName(aliases).map(([alias, facts]) => ({ context, alias, ...facts })),
  );
  const fact = ({ command, instance, workingDirectory }: Alias) => ({
    command,
    instance,
    "working-directory": workingDirectory,
  });
  const inContexts = <T>(shape: (aliases: Record<string, Alias>) => T) =>
    Object.fromEntries(byName(contexts).map(([name, aliases]) => [name, shape(aliases)]));
  if (format === "json") {
    const shaped = inContexts((aliases) =>
      Object.fromEntries(byName(aliases).map(([alias, one]) => [alias, fact(one)])),
    );
    return json({ "active-context": active, contexts: shaped });
  }
  if (format === "yaml") {
    const shaped = inContexts((aliases) => byName(aliases).map(([alias, one]) => ({ alias, ...fact(one) })));
    return yaml({ active_context: active, aliases: shaped });
  }
  if (format === "csv") {
    const cells = rows.map((one) => [
      ...[one.alias, one.instance, one.command, one.workingDirectory],
      one.context === active ? `${one.context}*` : one.context,
    ]);
    return csv("Alias,Instance,Command,Working directory,Context", cells);
  }
  if (rows.length === 0) return "No aliases defined.\n";
  const cells = rows.map((one) => [
    ...[one.alias, one.instance, one.command, one.context === active ? `${one.context}*` : one.context],
    one.workingDirectory,
  ]);
  return columns(["Alias", "Instance", "Command", "Context", "Working directory"], cells);
}
