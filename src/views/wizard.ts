/**
 * The flow of the launch wizard: which question comes next, which one came before, what the answers amount to. Pure;
 * `wizard-view.ts` asks the questions.
 */
import type { LaunchSpec } from "../api/instance.ts";
import type { NewPortForward } from "../api/port.ts";
import { containerReference } from "../client/container-text.ts";

export type StepId =
  | "image"
  | "container-image"
  | "name"
  | "ports"
  | "size"
  | "cpus"
  | "memory"
  | "disk"
  | "cloud-init";

export type Size = { cpus: number; memoryBytes: number; diskBytes: number };

export type PresetId = "small" | "medium" | "large" | "custom";

/** Answers so far. Going back keeps them, so that each question shows what was answered before. */
export type Draft = {
  image?: string;
  /** A container is wanted, of this image; empty until it is named. */
  container?: string | undefined;
  /** What of a container is reached on this host. */
  ports?: NewPortForward[];
  name?: string;
  /** What the wizard proposed; while the name is still this, another image may bring another proposal. */
  suggestedName?: string;
  preset?: PresetId;
  cpus?: number;
  memoryBytes?: number;
  diskBytes?: number;
  /** Left out: as the engine's setting says. */
  encrypted?: boolean;
  /** `from` names where it came from, for the person; `text` goes to the guest. */
  cloudInit?: { from: string; text: string } | "none";
};

export type Wizard = { draft: Draft; step: StepId | "done" };

const GIB = 2 ** 30;

export const PRESETS: Readonly<Record<Exclude<PresetId, "custom">, Size>> = {
  small: { cpus: 1, memoryBytes: GIB, diskBytes: 5 * GIB },
  medium: { cpus: 2, memoryBytes: 2 * GIB, diskBytes: 10 * GIB },
  large: { cpus: 4, memoryBytes: 8 * GIB, diskBytes: 40 * GIB },
};

export function newWizard(draft: Draft = {}): Wizard {
  return { draft, step: "image" };
}

/** The questions that these answers lead to, in order. */
export function stepsOf(draft: Draft): StepId[] {
  if (draft.container !== undefined) return ["image", "container-image", "name", "ports"];
  const custom: StepId[] = draft.preset === "custom" ? ["cpus", "memory", "disk"] : [];
  return ["image", "name", "size", ...custom, "cloud-init"];
}

/** Takes the answer to the present question and goes on to the next one. */
export function answer(wizard: Wizard, patch: Draft): Wizard {
  const draft = { ...wizard.draft, ...patch };
  if (wizard.step === "done") return { draft, step: "done" };
  const steps = stepsOf(draft);
  return { draft, step: steps[steps.indexOf(wizard.step) + 1] ?? "done" };
}

/** To the question before; undefined at the first one. */
export function back(wizard: Wizard): Wizard | undefined {
  const steps = stepsOf(wizard.draft);
  const at = wizard.step === "done" ? steps.length : steps.indexOf(wizard.step);
  const step = steps[at - 1];
  return step === undefined ? undefined : { draft: wizard.draft, step };
}

/** `step` counts from 1, as the title bar shows it. */
export function position(wizard: Wizard): { step: number; total: number } {
  const steps = stepsOf(wizard.draft);
  return {
    step: wizard.step === "done" ? steps.length : steps.indexOf(wizard.step) + 1,
    total: steps.length,
  };
}

/** What to launch, once every question is answered. */
export function specOf(draft: Draft): LaunchSpec {
  if (draft.container !== undefined) return containerSpecOf(draft, draft.container);
  const size = sizeOf(draft);
  const { name, image, cloudInit, encrypted } = draft;
  return {
    ...(image === undefined ? {} : { image }),
    ...(name === undefined ? {} : { name }),
    ...size,
    ...(encrypted === undefined ? {} : { encrypted }),
    ...(cloudInit === undefined || cloudInit === "none" ? {} : { userData: cloudInit.text }),
  };
}

function containerSpecOf({ name, ports = [] }: Draft, text: string): LaunchSpec {
  const { image, runtime } = containerReference(text) ?? { image: text, runtime: undefined };
  return {
    image,
    container: runtime === undefined ? {} : { runtime },
    ...(name === undefined ? {} : { name }),
    ...(ports.length > 0 ? { ports } : {}),
  };
}

function sizeOf({ preset, cpus, memoryBytes, diskBytes }: Draft): Partial<Size> {
  if (preset !== undefined && preset !== "custom") return PRESETS[preset];
  return {
    ...(cpus === undefined ? {} : { cpus }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(diskBytes === undefined ? {} : { diskBytes }),
  };
}

/** `primary` while it is free, else the image's name with the first free number: `ubuntu-2`. */
export function suggestName(os: string, taken: ReadonlySet<string>): string {
  if (!taken.has("primary")) return "primary";
  return numbered(os, "instance", taken);
}

/** `nginx-1` for `docker.io/library/nginx:1.27`. */
export function suggestContainerName(text: string, taken: ReadonlySet<string>): string {
  const image = containerReference(text)?.image ?? text;
  return numbered(image.split("@")[0]?.split("/").at(-1)?.split(":")[0] ?? "", "container", taken);
}

/** The first word in the text, with the first number that is free. */
function numbered(text: string, otherwise: string, taken: ReadonlySet<string>): string {
  const word = /[A-Za-z][A-Za-z0-9]*/.exec(text)?.[0].toLowerCase().slice(0, 40) ?? otherwise;
  for (let number = 1; ; number += 1) {
    const name = `${word}-${number}`;
    if (!taken.has(name)) return name;
  }
}
