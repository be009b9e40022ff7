/** How images of containers are named: `nginx`, `host:5000/team/app:1.2`, `app@sha256:…`. Pure. */
import { EngineError } from "../../../base/errors.ts";

export type ImageReference = {
  /** The registry's host and port; undefined where the runtime knows where to look. */
  domain: string | undefined;
  path: string;
  /** Present unless a digest says which one it is. */
  tag: string | undefined;
  digest: string | undefined;
};

const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const DOMAIN =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const MAX_NAME = 255;

/** Reads a reference; one without tag and digest means the tag `latest`. Throws `invalid-argument`. */
export function parseImageReference(text: string): ImageReference {
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !DIGEST.test(digest))
    throw invalid(text, "its digest is not sha256: and 64 hexadecimal digits");
  const { name, tag } = splitTag(at < 0 ? text : text.slice(0, at));
  if (tag !== undefined && !TAG.test(tag)) throw invalid(text, "its tag is not well formed");
  const { domain, path } = splitDomain(name);
  if (name.length > MAX_NAME) throw invalid(text, `its name is longer than ${MAX_NAME} characters`);
  if (domain !== undefined && !DOMAIN.test(domain)) throw invalid(text, "its registry is not a host");
  if (!path.split("/").every((component) => COMPONENT.test(component)))
    throw invalid(text, "its name needs lower-case letters and digits, and / . _ - between them");
  return { domain, path, tag: digest === undefined ? (tag ?? "latest") : undefined, digest };
}

/** The text that runtimes take. */
export function formatImageReference(reference: ImageReference): string {
  return `${repositoryOf(reference)}${reference.digest === undefined ? `:${reference.tag}` : `@${reference.digest}`}`;
}

/** Without tag and digest. */
export function repositoryOf({ domain, path }: ImageReference): string {
  return domain === undefined ? path : `${domain}/${path}`;
}

/** The id of an image in a runtime, or the beginning of one: no name, and nothing that can be pulled. */
export function isImageId(text: string): boolean {
  return /^(sha256:)?[0-9a-f]{64}$/.test(text) || /^sha256:[0-9a-f]{4,}$/.test(text);
}

/** A colon after the last slash begins a tag; one before it, a port. */
function splitTag(text: string): { name: string; tag: string | undefined } {
  const colon = text.lastIndexOf(":");
  if (colon < 0 || colon < text.lastIndexOf("/")) return { name: text, tag: undefined };
  return { name: text.slice(0, colon), tag: text.slice(colon + 1) };
}

/** The first part is a host when it looks like one: a name of an image never has a dot there, or a port. */
function splitDomain(name: string): { domain: string | undefined; path: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(0, slash));
  if (slash < 0 || !(/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase()))
    return { domain: undefined, path: name };
  return { domain: first, path: name.slice(slash + 1) };
}

function invalid(text: string, reason: string): EngineError {
  return new EngineError("invalid-argument", `cannot use image ${text.slice(0, 300)}: ${reason}`, {
    hint: "Name an image such as nginx, nginx:1.27 or a registry's host/team/app:1.0.",
  });
}
