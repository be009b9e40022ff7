/** What kind of machine a launch makes. */
import path from "node:path";
import { type Command, Option } from "commander";
import type { Arch, LaunchSpec } from "../api/instance.ts";
import type { FirmwareKind, GuestKind } from "../api/machine.ts";
import { EngineError } from "../base/errors.ts";

export type MachineOptions = {
  iso?: string;
  firmware?: FirmwareKind;
  tpm?: boolean;
  display?: boolean;
  /** Left out, as the engine's setting says. */
  encrypted?: boolean;
  guest?: GuestKind;
  /** False with `--no-cloud-init`; a text where user-data is given. */
  cloudInit?: string | boolean;
  arch?: string;
};

const ARCHES: Record<string, Arch> = {
  x86_64: "x86_64",
  amd64: "x86_64",
  arm64: "aarch64",
  aarch64: "aarch64",
};

export function addMachineOptions(command: Command): void {
  command
    .option("--iso <file>", "install from this ISO, a file or URL, to an empty disk")
    .addOption(
      new Option(
        "--guest <kind>",
        "what it is: linux is made ready by cloud-init, others are used by their screen",
      ).choices(["linux", "windows", "other"]),
    )
    .option("--no-cloud-init", "the image has no cloud-init: the same as --guest other")
    .addOption(new Option("--firmware <kind>", "what it boots by").choices(["bios", "uefi", "uefi-secure"]))
    .option("--tpm", "give it a TPM 2.0")
    .option("--display", "give it a screen, seen by Open Graphical Console or a VNC viewer")
    .option(
      "--encrypted",
      "encrypt its disks and its suspended memory (default: setting instances.encrypted)",
    )
    .option("--no-encrypted", "do not, whatever that setting says")
    .option("--arch <arch>", "x86_64 or arm64; another one than the host's is emulated");
}

/** Throws `invalid-argument` for what contradicts itself. Pure but for the current directory. */
export function machineSpec({
  iso,
  firmware,
  tpm,
  display,
  encrypted,
  guest,
  cloudInit,
  arch,
}: MachineOptions): Partial<LaunchSpec> {
  const kind = guest ?? (cloudInit === false ? "other" : undefined);
  if (cloudInit === false && guest === "linux") {
    throw new EngineError("invalid-argument", "--no-cloud-init and --guest linux contradict each other");
  }
  return {
    ...(iso === undefined ? {} : { iso: mediumReference(iso) }),
    ...(firmware === undefined ? {} : { firmware }),
    ...(tpm === undefined ? {} : { tpm }),
    ...(display === undefined ? {} : { display }),
    ...(encrypted === undefined ? {} : { encrypted }),
    ...(kind === undefined ? {} : { guest: kind }),
    ...(arch === undefined ? {} : { arch: archOf(arch) }),
  };
}

function archOf(text: string): Arch {
  const arch = ARCHES[text.toLowerCase()];
  if (arch) return arch;
  throw new EngineError("invalid-argument", `${text} is not a known architecture`, {
    hint: "Write x86_64 or arm64.",
  });
}

/** Files are named to the engine by their absolute paths. */
export function mediumReference(text: string): string {
  return /^https?:\/\//i.test(text) ? text : path.resolve(text);
}
