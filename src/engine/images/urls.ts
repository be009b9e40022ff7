/** Which addresses images and catalogs may come from. Pure; every request and every redirect goes through here. */
import { EngineError } from "../../base/errors.ts";

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);

/** https anywhere; plain http to this host only, where nobody else can change what is sent. */
export function isAllowedUrl(url: URL): boolean {
  if (url.username || url.password) return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}

/** Throws `invalid-argument` for what is no URL or not an allowed one; `what` completes "cannot …". */
export function allowedUrl(text: string, what: string): URL {
  const url = URL.parse(text);
  if (url && isAllowedUrl(url)) return url;
  const reason = url ? "only https is allowed (plain http to this host only)" : "it is not a URL";
  throw new EngineError("invalid-argument", `cannot ${what}: ${reason}: ${text}`, {
    hint: "Use an https:// address without user name and password.",
  });
}

/** Whether a server at `from` may send us on to `to`: never from encrypted to plain, never from outside to this host. */
export function isAllowedRedirect(from: URL, to: URL): boolean {
  if (!isAllowedUrl(to)) return false;
  return !isLoopback(to.hostname) || isLoopback(from.hostname);
}

/**
 * The address of a file that a catalog names by a path relative to its own `base` (which ends in a slash). Undefined
 * where the path would lead out of it: catalogs are hostile until checked.
 */
export function resolveWithin(base: URL, path: string): URL | undefined {
  if (path === "" || path.length > 1024 || /[\\\p{Cc}?#%]|^\/|\/\//u.test(path)) return undefined;
  if (path.split("/").some((part) => part === ".." || part === ".")) return undefined;
  // The leading ./ keeps `a:b` a path, where it would be a scheme of its own.
  const url = URL.parse(`./${path}`, base.href);
  return url && url.origin === base.origin && url.pathname.startsWith(base.pathname) ? url : undefined;
}

/** The same URL with a trailing slash, so that relative paths resolve below it. */
export function asBase(url: URL): URL {
  const base = new URL(url);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}
