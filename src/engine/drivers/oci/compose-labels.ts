/** What compose says of a container by labels on it. Pure. */

/** Docker's compose writes these; Podman's writes them beside its own. */
const PREFIXES = ["com.docker.compose.", "io.podman.compose."];

/** Undefined where it says nothing of that. */
export function composeLabel(labels: Record<string, string> | null | undefined, key: string) {
  const values = PREFIXES.map((prefix) => labels?.[prefix + key]);
  return values.find((value) => value !== undefined && value !== "");
}
