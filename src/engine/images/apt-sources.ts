/**
 * Where packages come from: the sources that the host's own apt uses for that distribution, so that a build goes
 * through the same mirror as everything else on the host. Pure parsers of both formats of sources.list(5).
 */

export type AptSource = { uri: string; suite: string; components: string[] };

/** Reads one-line sources. What cannot be read is skipped: apt itself complains about it. */
export function parseSourcesList(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split("\n")) {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line);
    if (match?.[1] && match[2] && match[3])
      sources.push({ uri: match[1], suite: match[2], components: words(match[3]) });
  }
  return sources;
}

/** Reads deb822 stanzas (`*.sources`). */
export function parseDeb822Sources(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const stanza of text.split(/\n\s*\n/)) {
    const fields = deb822Fields(stanza);
    if (/^(no|false|off|0)$/i.test(fields.get("enabled") ?? "")) continue;
    if (!words(fields.get("types") ?? "").includes("deb")) continue;
    for (const uri of words(fields.get("uris") ?? "")) {
      for (const suite of words(fields.get("suites") ?? ""))
        sources.push({ uri, suite, components: words(fields.get("components") ?? "") });
    }
  }
  return sources;
}

function deb822Fields(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last = "";
  for (const line of stanza.split("\n")) {
    if (line.startsWith("#")) continue;
    const match = /^([A-Za-z0-9-]+):(.*)$/.exec(line);
    if (match?.[1]) {
      last = match[1].toLowerCase();
      fields.set(last, (match[2] ?? "").trim());
    } else if (last && /^\s/.test(line)) fields.set(last, `${fields.get(last)} ${line}`);
  }
  return fields;
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");

/**
 * One-line sources for `codename`, taken from the host's sources of codename `hostCodename` of the same
 * distribution. Empty where the host has none: then the tool's own default applies.
 */
export function sourcesFor(
  host: readonly AptSource[],
  codename: string,
  hostCodename: string,
  keyring: string,
): string[] {
  const lines = new Set<string>();
  for (const source of host) {
    const [base = "", ...suffix] = source.suite.split("-");
    // Third parties use codenames too, but only a distribution has the component "main" under its own codename.
    if (base !== hostCodename || !source.components.includes("main") || !/^https?:/.test(source.uri))
      continue;
    const suite = [codename, ...suffix].join("-");
    if (!/^[a-z]+(-updates|-security|-backports)?$/.test(suite) || suite.endsWith("-backports")) continue;
    lines.add(`deb [signed-by=${keyring}] ${source.uri} ${suite} main`);
  }
  return [...lines];
}
