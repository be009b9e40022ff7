/** What may be given to cloud-init as user-data, and what of it concerns how we enter the guest. Pure. */
import { type Document, LineCounter, parseDocument } from "yaml";
import type { Problem } from "../../api/instance.ts";
import { placeOf } from "../../base/yaml-place.ts";

/** As cloud-init's own reader takes it: `yes` and `on` are true, `0644` is octal. */
const YAML = { version: "1.1", prettyErrors: false } as const;

const MAX_BYTES = 2 ** 20;

/** First words by which cloud-init knows the other kinds of user-data; it, not we, reads those. */
const OTHER_KINDS = [
  /^#!/,
  /^## template:\s*jinja/i,
  /^#include(-once)?(\s|$)/i,
  /^#cloud-(boothook|config-archive|config-jsonp)\b/i,
  /^#part-handler\b/i,
  /^(content-type:|mime-version:|from )/i,
];

export type CloudConfig = Readonly<Record<string, unknown>>;

type Source = { document: Document; lines: LineCounter };

type Read = { config?: CloudConfig; source?: Source; problems: Problem[] };

/**
 * What is wrong with a user-data text, with line and column; empty when cloud-init can take it. What cannot be read is
 * an error; what is against cloud-init's schema is a warning.
 */
export async function checkUserData(text: string): Promise<Problem[]> {
  const { config, problems, source } = read(text);
  if (!config || !source) return problems;
  const { checkCloudConfig } = await import("./cloud-config.ts");
  return checkCloudConfig(config).map((finding) => {
    const { line, column } = placeOf(source.document, source.lines, finding.path);
    return {
      code: "user-data-doubtful",
      severity: "warning",
      message: `cloud-init user-data: line ${line}, column ${column}: ${finding.text}`,
      hint: "The guest's own cloud-init decides; correct it there if that is not what is meant.",
    };
  });
}

/** The cloud-config that a user gave, or undefined where it is of another kind, or unreadable. */
export function cloudConfigOf(text: string | undefined): CloudConfig | undefined {
  return text === undefined ? undefined : read(text).config;
}

function read(text: string): Read {
  if (text.startsWith("\u001f\u008b") || text.startsWith("\u001f\ufffd")) {
    return refused("it is compressed", "Give it uncompressed.");
  }
  if (Buffer.byteLength(text) > MAX_BYTES)
    return refused("it is larger than 1 MiB", "Fetch large files from a script.");
  if (text.includes("\0"))
    return refused("it is not text", "Give a YAML file that begins with #cloud-config.");
  const first = text.split("\n", 1)[0]?.trimEnd() ?? "";
  if (OTHER_KINDS.some((kind) => kind.test(first))) return { problems: [] };
  if (!/^#cloud-config(\s|$)/.test(first)) {
    return refused(
      "line 1, column 1: it does not begin with #cloud-config",
      "Make `#cloud-config` its first line, or `#!/bin/sh` for a script.",
    );
  }
  return readYaml(text);
}

function readYaml(text: string): Read {
  const lines = new LineCounter();
  const document = parseDocument(text, { ...YAML, lineCounter: lines });
  const error = document.errors[0];
  if (error) {
    const { line, col } = lines.linePos(error.pos[0]);
    return refused(`line ${line}, column ${col}: ${error.message}`, "Correct the YAML there.");
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch {
    return refused("its YAML aliases unfold to too much", "Write the values out.");
  }
  if (value === null) return { config: {}, problems: [] };
  if (typeof value !== "object" || Array.isArray(value)) {
    return refused(
      "line 2, column 1: it is not a map of settings",
      "Write `key: value` lines, such as `packages: [git]`.",
    );
  }
  return { config: value as CloudConfig, source: { document, lines }, problems: [] };
}

function refused(reason: string, hint: string): Read {
  const message = `cannot read cloud-init user-data: ${reason}`;
  return { problems: [{ code: "user-data-invalid", severity: "error", message, hint }] };
}
