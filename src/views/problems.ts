/** Problems as people read them. Pure. */
import type { Problem } from "../api/instance.ts";
import { capitalised } from "./phrases.ts";

export function iconOfProblem({ severity }: Pick<Problem, "severity">): "error" | "warning" | "info" {
  return severity;
}

/** One problem in two sentences: what is wrong, what to do. */
export function problemText({ message, hint }: Problem): string {
  const first = `${capitalised(message).replace(/[.!]$/, "")}.`;
  return hint ? `${first} ${hint}` : first;
}
