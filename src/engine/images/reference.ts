/** What a user may write where an image is wanted. Pure. */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { EngineError } from "../../base/errors.ts";
import type { Checksum } from "./catalog.ts";
import { allowedUrl } from "./urls.ts";

export const REMOTES = ["release", "daily", "minimal"] as const;
export type Remote = (typeof REMOTES)[number];

export type Reference =
  | { kind: "name"; remote: Remote | undefined; name: string }
  | { kind: "file"; path: string; checksum: Checksum | undefined }
  | { kind: "url"; url: string; checksum: Checksum | undefined };

/**
 * `24.04`, `daily:noble`, `debian:12`, `file:///…`, `/…`, `https://…`. An address may end in `#sha256:<hex>` to say
 * what must come. Throws `invalid-argument`.
 */
export function parseReference(text: string): Reference {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed.length > 4096 || /\p{Cc}/u.test(trimmed))
    throw invalid(text, "it is empty, too long or has control characters");
  if (/^file:/i.test(trimmed)) return fileReference(trimmed);
  if (path.isAbsolute(trimmed)) return { kind: "file", path: path.normalize(trimmed), checksum: undefined };
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed)) {
    const url = allowedUrl(trimmed, `use image ${trimmed}`);
    const checksum = checksumOf(url.hash, text);
    url.hash = "";
    return { kind: "url", url: url.href, checksum };
  }
  const [first = "", ...rest] = trimmed.toLowerCase().split(":");
  const remote = REMOTES.find((known) => known === first);
  if (remote && rest.length > 0) return { kind: "name", remote, name: rest.join(":") || "default" };
  return { kind: "name", remote: undefined, name: trimmed.toLowerCase() };
}

function fileReference(text: string): Reference {
  const url = URL.parse(text);
  if (!url || (url.host !== "" && url.host !== "localhost"))
    throw invalid(text, "a file of this host is needed");
  const checksum = checksumOf(url.hash, text);
  url.hash = "";
  try {
    return { kind: "file", path: fileURLToPath(url), checksum };
  } catch {
    throw invalid(text, "it is not the address of a file");
  }
}

function checksumOf(hash: string, text: string): Checksum | undefined {
  if (hash === "") return undefined;
  const match = /^#(sha256|sha512):([0-9a-f]+)$/i.exec(hash);
  const algorithm = match?.[1]?.toLowerCase() === "sha512" ? "sha512" : "sha256";
  const hex = match?.[2]?.toLowerCase() ?? "";
  if (hex.length !== (algorithm === "sha512" ? 128 : 64))
    throw invalid(text, "its checksum is not well formed");
  return { algorithm, hex };
}

function invalid(text: string, reason: string): EngineError {
  return new EngineError("invalid-argument", `cannot use image ${text.slice(0, 200)}: ${reason}`, {
    hint: "Name an image such as 24.04 or debian, a file, or an https:// address.",
  });
}

const USERS: readonly [RegExp, string][] = [
  [/debian/i, "debian"],
  [/fedora/i, "fedora"],
  [/alpine/i, "alpine"],
  [/rocky/i, "rocky"],
  [/alma/i, "almalinux"],
  [/centos/i, "cloud-user"],
  [/\barch(linux)?\b/i, "arch"],
  [/opensuse|\bleap\b|tumbleweed/i, "opensuse"],
];

/**
 * The login to expect in an image that nobody describes, from its name. cloud-init makes the user that the seed names,
 * so an unknown image gets `ubuntu`, as Multipass has it.
 */
export function guessUser(name: string): string {
  return USERS.find(([pattern]) => pattern.test(name))?.[1] ?? "ubuntu";
}
