/** What speaks for and against a launch, with the numbers. Pure: the host's facts are parameters. */
import type { DriverInfo } from "../../api/engine-info.ts";
import type { Problem } from "../../api/instance.ts";
import { EngineError, type ErrorCode } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";

export type HostFacts = { cpus: number; memoryBytes: number; freeDiskBytes: number };

export type Sizes = { cpus: number; memoryBytes: number; diskBytes: number };

/** A problem and, where it forbids the launch, the code of the error it becomes. */
export type Finding = Problem & { error?: ErrorCode };

/**
 * `others` are the instances that run now. More than the host has is refused; more than it has left is a warning,
 * because guests seldom use all they are given.
 */
export function checkSizes(wanted: Sizes, host: HostFacts, others: readonly Sizes[]): Finding[] {
  return [
    ...amount({
      code: "cpus",
      has: host.cpus,
      wants: wanted.cpus,
      given: sum(others, "cpus"),
      text: (n) => `${n} ${n === 1 ? "CPU" : "CPUs"}`,
      hint: "Ask for fewer CPUs.",
    }),
    ...amount({
      code: "memory",
      has: host.memoryBytes,
      wants: wanted.memoryBytes,
      given: sum(others, "memoryBytes"),
      text: (n) => `${formatBytes(n)} of memory`,
      hint: "Ask for less memory, or stop other instances.",
    }),
    ...disk(wanted.diskBytes, host.freeDiskBytes),
  ];
}

type Amount = {
  code: string;
  has: number;
  wants: number;
  given: number;
  text: (n: number) => string;
  hint: string;
};

function amount({ code, has, wants, given, text, hint }: Amount): Finding[] {
  if (wants > has) {
    const message = `${text(wants)} asked for, but this host has ${text(has)}`;
    return [{ code: `${code}-exceeds-host`, severity: "error", message, hint, error: "no-resources" }];
  }
  if (wants + given <= has) return [];
  const message = `with this instance, running instances would have ${text(wants + given)}; this host has ${text(has)}`;
  return [{ code: `${code}-over-provisioned`, severity: "warning", message, hint }];
}

function disk(wants: number, free: number): Finding[] {
  if (wants > free) {
    return [
      {
        code: "disk-exceeds-host",
        severity: "error",
        message: `a disk of ${formatBytes(wants)} asked for, but ${formatBytes(free)} are free on this host`,
        hint: "Ask for a smaller disk, or free some space: unused images and deleted instances take some.",
        error: "no-resources",
      },
    ];
  }
  if (wants <= free * 0.9) return [];
  const message = `the disk may grow to ${formatBytes(wants)} of the ${formatBytes(free)} that are free on this host`;
  return [{ code: "disk-over-provisioned", severity: "warning", message }];
}

/** An unusable driver's own problems, as they forbid a launch. */
export function checkDriver(info: DriverInfo): Finding[] {
  if (info.available) return [];
  const own = info.problems.filter((problem) => problem.severity === "error");
  const problems = own.length > 0 ? own : info.problems;
  if (problems.length === 0) {
    const message = `${info.name} is not available on this host`;
    return [{ code: "driver-unavailable", severity: "error", message, error: "missing-dependency" }];
  }
  return problems.map((problem) => ({ ...problem, severity: "error", error: "missing-dependency" }));
}

/** `inTrash`: the name belongs to a deleted instance, which the user may have forgotten. */
export function taken(name: string, inTrash: boolean): Finding {
  return {
    code: "name-taken",
    severity: "error",
    message: `instance "${name}" already exists${inTrash ? " in the trash" : ""}`,
    hint: inTrash ? "Recover or purge it, or choose another name." : "Choose another name.",
    error: "already-exists",
  };
}

/** The first finding that forbids the launch, as an error that tells of all. */
export function refusal(
  name: string,
  findings: readonly Finding[],
  verb = "launch",
): EngineError | undefined {
  const errors = findings.filter((finding) => finding.error !== undefined);
  const [first] = errors;
  if (!first?.error) return undefined;
  const reasons = errors.map((finding) => finding.message).join("; ");
  return new EngineError(first.error, `cannot ${verb} ${name}: ${reasons}`, {
    hint: first.hint,
    details: { problems: errors.map(toProblem) },
  });
}

export function toProblem({ error: _error, ...problem }: Finding): Problem {
  return problem;
}

function sum(all: readonly Sizes[], key: keyof Sizes): number {
  return all.reduce((total, one) => total + one[key], 0);
}
