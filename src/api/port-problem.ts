import type { PortForward } from "./port.ts";

/** The code of the problem of an instance whose forward could not be opened. */
export function portProblem({ hostPort, protocol }: Pick<PortForward, "hostPort" | "protocol">): string {
  return `port-unusable:${hostPort}/${protocol}`;
}
