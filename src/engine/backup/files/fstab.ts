/** Where the file systems of a machine belong, as its own fstab says. Pure; a backup says it, so it is checked. */
import { posix } from "node:path";
import type { FoundSystem } from "./block-devices.ts";

export type Placed = {
  system: FoundSystem;
  /** Absolute, in the machine's own view. */
  target: string;
  /** Of btrfs. */
  subvolume?: string | undefined;
};

/** What is above comes first. The root itself is left out, as is whatever is none of these file systems. */
export function placesIn(fstab: string, systems: readonly FoundSystem[]): Placed[] {
  const placed = fstab.split("\n").flatMap((line): Placed[] => {
    const [source = "", where = "", , options = ""] = line.trim().split(/\s+/);
    if (source === "" || source.startsWith("#")) return [];
    const target = unescaped(where).replace(/(.)\/+$/, "$1");
    if (!target.startsWith("/") || target === "/" || posix.normalize(target) !== target) return [];
    if (/[\0\n]/.test(target)) return [];
    const system = systems.find((one) => isMeant(one, unescaped(source)));
    const subvolume = /(?:^|,)subvol=([^,\s]+)/.exec(options)?.[1];
    return system ? [{ system, target, ...(subvolume === undefined ? {} : { subvolume }) }] : [];
  });
  return placed.sort((a, b) => a.target.split("/").length - b.target.split("/").length);
}

/** Names such as `/dev/sda1` mean another disk in the helper; those are left alone rather than guessed. */
function isMeant(system: FoundSystem, source: string): boolean {
  const [, key = "", quoted = ""] = /^(UUID|LABEL|PARTUUID|PARTLABEL)=(.*)$/.exec(source) ?? [];
  const value = quoted.replace(/^"(.*)"$/, "$1");
  if (key !== "") return value !== "" && nameOf(system, key) === value;
  const [, by = "", name = ""] = /^\/dev\/disk\/by-(uuid|label|partuuid|partlabel)\/(.+)$/.exec(source) ?? [];
  if (by !== "") return nameOf(system, by.toUpperCase()) === name;
  if (source === system.device) return source.startsWith("/dev/mapper/");
  // A logical volume has two names: /dev/group/volume and /dev/mapper/group-volume, with hyphens doubled.
  const [, group, volume, more] = /^\/dev\/([^/]+)\/([^/]+)(\/.*)?$/.exec(source) ?? [];
  if (group === undefined || volume === undefined || more !== undefined) return false;
  return system.device === `/dev/mapper/${group.replaceAll("-", "--")}-${volume.replaceAll("-", "--")}`;
}

function nameOf({ uuid, label, partUuid, partLabel }: FoundSystem, key: string): string | undefined {
  if (key === "UUID") return uuid;
  if (key === "LABEL") return label;
  return key === "PARTUUID" ? partUuid : partLabel;
}

/** fstab writes a space as `\040`. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
