/** What the runtimes that were found say of this host, and what it means where there are none. Pure. */
import type { ContainerRuntime } from "../../../api/container.ts";
import type { DriverInfo } from "../../../api/engine-info.ts";
import type { Arch, Problem } from "../../../api/instance.ts";
import { EngineError } from "../../../base/errors.ts";
import { CONTAINER_HOST } from "../container-host.ts";
import type { Detection } from "./detect.ts";
import { RUNTIME_NAMES } from "./endpoints.ts";
import { ARCHES } from "./images.ts";

/**
 * `unkept`: why each of those found keeps no memory; `vms`: the architecture of this host's VMs, where one of them can run
 * containers.
 */
export function infoOf(
  { found, refused, unusable }: Detection,
  unkept: readonly string[],
  vms?: Arch,
): DriverInfo {
  const own = found.map(({ arch }) => ARCHES[arch]).filter((arch) => arch !== undefined);
  const arches = vms === undefined ? own : [...own, vms];
  const features = [...found.map(({ endpoint }) => endpoint.runtime), ...(vms ? ["vm"] : [])];
  const version = found
    .map(({ endpoint, version }) => `${RUNTIME_NAMES[endpoint.runtime]} ${version}`)
    .join(", ");
  const problems: Problem[] = [
    ...refused.map(({ error }) => ({
      ...{ code: "runtime-refuses", severity: "warning" as const, message: error.message },
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    })),
    ...unusable.map(({ name, reason }) => ({
      ...{ code: "runtime-unusable", severity: "warning" as const },
      message: `the container runtime ${name} cannot be used: ${reason}`,
    })),
  ];
  problems.push(
    ...found.map(({ endpoint }, at) => ({
      ...{ code: "no-checkpoints", severity: "info" as const },
      message: `containers of ${RUNTIME_NAMES[endpoint.runtime]} are not suspended, nor are there snapshots of them with memory: ${unkept[at]}`,
    })),
  );
  if (found.length === 0) problems.push(vms === undefined ? NO_RUNTIME : IN_VM);
  return {
    ...{
      name: "oci",
      kind: "container",
      available: arches.length > 0 || found.length > 0,
      arches: [...new Set(arches)],
    },
    ...(version === "" ? {} : { version }),
    features: [...new Set(features)],
    problems,
  };
}

const NO_RUNTIME: Problem = {
  code: "runtime-missing",
  severity: "info",
  message: "neither Docker nor Podman runs here",
  hint: "Install one of them, or start it; on Debian and Ubuntu: sudo apt install podman",
};

const IN_VM: Problem = {
  ...NO_RUNTIME,
  message: `${NO_RUNTIME.message}: containers run in a VM, ${CONTAINER_HOST}, which is made for the first of them`,
  hint: "Without that VM they start sooner and take less memory; on Debian and Ubuntu: sudo apt install podman",
};

/** Why there is none to be used, or not that one. */
export function noRuntime({ refused }: Detection, runtime: ContainerRuntime | undefined): EngineError {
  const refusal = refused.find(({ endpoint }) => !runtime || endpoint.runtime === runtime)?.error;
  if (refusal) return refusal;
  const reason = runtime ? `${RUNTIME_NAMES[runtime]} does not run here` : NO_RUNTIME.message;
  return new EngineError("missing-dependency", `cannot use containers: ${reason}`, { hint: NO_RUNTIME.hint });
}
