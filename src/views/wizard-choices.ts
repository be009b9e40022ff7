/** What the launch wizard offers and accepts: names, sizes against the host, typed values. Pure. */

import type { EngineInfo } from "../api/engine-info.ts";
import type { KeyStatus } from "../api/keys.ts";
import { MINIMUM_DISK_BYTES, MINIMUM_MEMORY_BYTES } from "../api/limits.ts";
import { NAME_PATTERN, NAME_RULE } from "../api/names.ts";
import { messageOf } from "../base/errors.ts";
import { parseSize } from "../base/units.ts";
import { RUNTIME_NAMES, runtimesOn } from "./container-items.ts";
import { l10n } from "./l10n.ts";
import { listText, sizeText } from "./phrases.ts";
import { PRESETS, type PresetId, type Size } from "./wizard.ts";

/** A typed text that is taken as it is: an address of an image, or a reference that no catalog listed. */
export function typedReference(text: string, known: ReadonlySet<string>): string | undefined {
  const reference = text.trim();
  if (reference === "" || /\s/.test(reference) || known.has(reference)) return undefined;
  return reference;
}

/** `Docker and Podman`: what runs containers on this host; empty where nothing does. */
export function runtimesOf(engine: Pick<EngineInfo, "drivers">): string {
  const names = runtimesOn(engine).map((runtime) => RUNTIME_NAMES[runtime]);
  if (names.length > 0) return listText(names);
  const there = engine.drivers.some(({ kind, available }) => kind === "container" && available);
  return there ? l10n.t("this host") : "";
}

/** Whether what is launched now could be encrypted. */
export function canEncrypt(
  { state, keychain }: Pick<KeyStatus, "state" | "keychain">,
  engine: Pick<EngineInfo, "drivers">,
): boolean {
  const able = engine.drivers.some(({ kind, features }) => kind === "vm" && features.includes("encryption"));
  return able && (state === "unlocked" || (state === "none" && keychain.problem === undefined));
}

/** Why this cannot be the image of a container, or undefined when it may be one. */
export function containerImageProblem(text: string): string | undefined {
  const image = text.replace(/^(docker|podman|vm|oci):(\/\/)?/, "");
  return /^[A-Za-z0-9][\w./:@+-]*$/.test(image) ? undefined : l10n.t("Write an image such as nginx:1.27.");
}

/** Why this cannot be the name, or undefined when it can. */
export function nameProblem(name: string, taken: ReadonlySet<string>): string | undefined {
  if (name === "") return l10n.t("A name is needed.");
  if (!NAME_PATTERN.test(name)) return NAME_RULE;
  return taken.has(name) ? l10n.t("{0} exists already. Choose another name.", name) : undefined;
}

/** `web-clone1`, with the first number that is free, as the engine would call it. */
export function suggestClone(name: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number += 1) {
    const suggested = `${name.slice(0, 50)}-clone${number}`;
    if (!taken.has(suggested)) return suggested;
  }
}

export type Host = Pick<EngineInfo["host"], "cpus" | "memoryBytes" | "freeDiskBytes">;

export type SizeChoice = { preset: PresetId; label: string; description: string; detail?: string };

export function sizeChoices(host: Host): SizeChoice[] {
  const names = { small: l10n.t("Small"), medium: l10n.t("Medium"), large: l10n.t("Large") };
  const presets = (Object.keys(names) as (keyof typeof names)[]).map((preset) => {
    const over = overHost(PRESETS[preset], host);
    return {
      preset,
      label: names[preset],
      description: sizeSummary(PRESETS[preset]),
      ...(over ? { detail: `$(warning) ${over}` } : {}),
    };
  });
  return [
    ...presets,
    { preset: "custom", label: l10n.t("Custom…"), description: l10n.t("choose each size") },
  ];
}

/** `2GiB`, `1.5 GiB`: a size as a person would type it. */
export const amount = sizeText;

export function cpusOf({ cpus }: { cpus: number }): string {
  return cpus === 1 ? l10n.t("1 CPU") : l10n.t("{0} CPUs", cpus);
}

export function sizeSummary({ cpus, memoryBytes, diskBytes }: Size): string {
  return l10n.t("{0} · {1} memory · {2} disk", cpusOf({ cpus }), sizeText(memoryBytes), sizeText(diskBytes));
}

/** `This host has 2 CPUs and 3.8 GiB of memory.`, where the size asks for more. */
export function overHost(size: Partial<Size>, host: Host): string | undefined {
  const has = [
    ...((size.cpus ?? 0) > host.cpus ? [cpusOf(host)] : []),
    ...((size.memoryBytes ?? 0) > host.memoryBytes
      ? [l10n.t("{0} of memory", sizeText(host.memoryBytes))]
      : []),
    ...((size.diskBytes ?? 0) > host.freeDiskBytes
      ? [l10n.t("{0} of free disk", sizeText(host.freeDiskBytes))]
      : []),
  ];
  return has.length === 0 ? undefined : l10n.t("This host has {0}.", listText(has));
}

/** A typed value, refused with the reason or accepted, perhaps with a warning. */
export type Typed = { value: number; warning?: string } | { refused: string };

export function typedCpus(text: string, host: Host): Typed {
  if (!/^\s*\d+\s*$/.test(text)) return { refused: l10n.t("Write a whole number, such as 2.") };
  const cpus = Number(text);
  if (cpus < 1) return { refused: l10n.t("At least 1 CPU is needed.") };
  return withWarning(cpus, overHost({ cpus }, host));
}

export function typedMemory(text: string, host: Host): Typed {
  return typedSize(text, "memory", MINIMUM_MEMORY_BYTES, (memoryBytes) => overHost({ memoryBytes }, host));
}

export function typedDisk(text: string, host: Host): Typed {
  return typedSize(text, "disk", MINIMUM_DISK_BYTES, (diskBytes) => overHost({ diskBytes }, host));
}

/** A disk is never made smaller. The free space counts against its growth only. */
export function grownDisk(text: string, nowBytes: number, { freeDiskBytes, ...host }: Host): Typed {
  const typed = typedDisk(text, { ...host, freeDiskBytes: freeDiskBytes + nowBytes });
  if ("refused" in typed || typed.value >= nowBytes) return typed;
  // What is shown of it is rounded; to leave that as it is asks for nothing.
  if (sizeText(typed.value) === sizeText(nowBytes)) return { value: nowBytes };
  return { refused: l10n.t("It has {0} now, and can only grow.", sizeText(nowBytes)) };
}

function typedSize(
  text: string,
  what: string,
  least: number,
  over: (bytes: number) => string | undefined,
): Typed {
  let bytes: number;
  try {
    bytes = parseSize(text, what);
  } catch (error) {
    return { refused: l10n.t("{0}. Write a number and a unit, such as 512M or 2G.", messageOf(error)) };
  }
  if (bytes < least) return { refused: l10n.t("At least {0} is needed.", sizeText(least)) };
  return withWarning(bytes, over(bytes));
}

function withWarning(value: number, warning: string | undefined): Typed {
  return warning === undefined ? { value } : { value, warning };
}
