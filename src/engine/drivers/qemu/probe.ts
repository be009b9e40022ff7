/** What this host's QEMU is and which of its accelerators really work. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Arch, Problem } from "../../../api/instance.ts";
import { withDeadline } from "../../../base/async.ts";
import { messageOf } from "../../../base/errors.ts";
import { RunError, run } from "../../../base/run.ts";
import type { Ctx } from "../../ctx.ts";
import { cpuModel } from "./argv.ts";
import { escaped } from "./argv-text.ts";
import {
  type Accelerator,
  acceleratorHint,
  acceleratorsFor,
  type Firmware,
  findFirmware,
  findProgram,
  type Host,
  installHint,
  systemProgram,
} from "./host.ts";
import { lanProblem } from "./monitor.ts";
import { EXPECTED_EXIT, EXPECTED_WORD, probeBios } from "./probe-payload.ts";

/** What is needed to run guests of one architecture. */
export type Toolchain = {
  arch: Arch;
  program: string;
  qemuImg: string;
  version: string;
  accelerator: Accelerator;
  firmware: Firmware | undefined;
  /** Whether guests can have a NIC for the engine's network. */
  lan: boolean;
  problems: Problem[];
};

export type ProbeResult = Toolchain | { missing: Problem };

/** A payload that takes a tenth of a second emulated has hung, or is emulated in the kernel, when this has passed. */
const PAYLOAD_MS = 2_000;
const VERSION_MS = 10_000;

/** `scratch` holds the files of a tiny guest for as long as that runs. */
export async function probeToolchain(
  ctx: Ctx,
  host: Host,
  arch: Arch,
  wanted: Accelerator | "auto",
  scratch = tmpdir(),
): Promise<ProbeResult> {
  const name = systemProgram(arch);
  const [program, qemuImg] = await Promise.all([
    findProgram(name, host.platform),
    findProgram("qemu-img", host.platform),
  ]);
  if (!program || !qemuImg)
    return missing("qemu-missing", `${program ? "qemu-img" : name} is not installed`, host, arch);
  const firmware = await findFirmware(host.platform, arch);
  if (arch === "aarch64" && !firmware)
    return missing("firmware-missing", "no UEFI firmware for arm64 guests was found", host, arch);
  const problems: Problem[] = [];
  const [version, accelerator] = await Promise.all([
    versionOf(ctx, program).catch((error: unknown) => {
      ctx.signal.throwIfAborted();
      return new Error(messageOf(error));
    }),
    chooseAccelerator(ctx, { host, arch, program, scratch }, wanted, problems),
  ]);
  if (version instanceof Error)
    return missing("qemu-broken", `${name} does not run: ${version.message}`, host, arch);
  const lan = lanProblem(host.platform, version);
  if (lan) problems.push(lan);
  if (arch !== host.arch) problems.push(emulated(arch, host.arch));
  return { arch, program, qemuImg, version, accelerator, firmware, lan: !lan, problems };
}

function emulated(guest: Arch, host: Arch): Problem {
  return {
    code: "other-architecture",
    severity: "info",
    message: `${guest} guests are emulated on this ${host} host, which is many times slower`,
  };
}

function missing(code: string, message: string, host: Host, arch: Arch): ProbeResult {
  return { missing: { code, severity: "error", message, hint: installHint(host.platform, arch) } };
}

async function versionOf(ctx: Ctx, program: string): Promise<string> {
  const { signal, done } = withDeadline(VERSION_MS, ctx.signal);
  try {
    const { stdout } = await run([program, "--version"], { signal, killAfterMs: 0 });
    return parseVersion(stdout);
  } finally {
    done();
  }
}

/** `QEMU emulator version 7.2.22 (Debian …)` → `7.2.22`. */
export function parseVersion(text: string): string {
  return /version (\d+\.\d+(?:\.\d+)?)/.exec(text)?.[1] ?? "unknown";
}

type Trial = { host: Host; arch: Arch; program: string; scratch: string };

async function chooseAccelerator(
  ctx: Ctx,
  trial: Trial,
  wanted: Accelerator | "auto",
  problems: Problem[],
): Promise<Accelerator> {
  const possible = acceleratorsFor(trial.host, trial.arch).filter(
    (name) => wanted === "auto" || name === wanted || name === "tcg",
  );
  for (const name of possible) {
    if (name === "tcg") break;
    const reason = await whyUnusable(ctx, trial, name);
    if (reason === undefined) return name;
    ctx.log.warn("accelerator does not work", { accelerator: name, reason });
    const message = `${name.toUpperCase()} does not work on this host: ${reason}`;
    problems.push({
      code: "accelerator-unusable",
      severity: "warning",
      message,
      hint: acceleratorHint(name),
    });
  }
  return "tcg";
}

/** Undefined when a guest really runs under this accelerator, with the CPU model that instances get. */
async function whyUnusable(
  ctx: Ctx,
  { host, arch, program, scratch }: Trial,
  name: Accelerator,
): Promise<string | undefined> {
  const { signal, done } = withDeadline(PAYLOAD_MS, ctx.signal);
  const directory = await mkdtemp(path.join(scratch, "berth-probe-"));
  try {
    return await (arch === host.arch && arch === "x86_64"
      ? runPayload(program, name, directory, signal)
      : startOnly(program, arch, name, signal));
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (signal.aborted) return "a tiny guest did not finish in time";
    return error instanceof RunError ? lastWords(error) : messageOf(error);
  } finally {
    done();
    await rm(directory, { recursive: true, force: true });
  }
}

async function runPayload(
  program: string,
  name: Accelerator,
  directory: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const bios = path.join(directory, "bios.bin");
  const word = path.join(directory, "word");
  await writeFile(bios, probeBios());
  const argv = [
    ...[program, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-m", "16", "-M", "q35"],
    ...["-accel", name, "-cpu", cpuModel("x86_64", name), "-bios", bios],
    ...["-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
    ...["-chardev", `file,id=word,path=${escaped(word)}`, "-device", "isa-debugcon,iobase=0xe9,chardev=word"],
  ];
  try {
    await run(argv, { signal, killAfterMs: 0 });
  } catch (error) {
    if (!(error instanceof RunError) || error.exitCode !== EXPECTED_EXIT) throw error;
    return (await readFile(word, "latin1")) === EXPECTED_WORD
      ? undefined
      : "a tiny guest ended in the wrong way";
  }
  return "a tiny guest ended before its time";
}

/** Where no payload exists for the architecture: the accelerator at least has to make a machine. */
async function startOnly(
  program: string,
  arch: Arch,
  name: Accelerator,
  signal: AbortSignal,
): Promise<undefined> {
  const machine = arch === "x86_64" ? "q35" : "virt";
  const argv = [
    ...[program, "-nodefaults", "-no-user-config", "-display", "none", "-M", machine, "-m", "64", "-S"],
    ...["-accel", name, "-cpu", cpuModel(arch, name), "-monitor", "stdio"],
  ];
  await run(argv, { signal, input: "quit\n", killAfterMs: 0 });
  return undefined;
}

function lastWords(error: RunError): string {
  const line = error.stderr.trim().split("\n").at(-1) ?? "";
  return line.replace(/^[^:]*qemu-system-\w+: /, "") || error.message;
}
