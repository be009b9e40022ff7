/**
 * The address of a place as people type it, which is restic's own syntax, and back. What opens a place is never part of
 * it: a password that is typed with it comes out by itself. Pure.
 */
import path from "node:path";
import { EngineError } from "../../../base/errors.ts";
import { redactText, Secret } from "../../../base/secret.ts";

export type FolderAddress = { kind: "folder"; path: string };
/** `path` without a slash before it is below the user's home there. */
export type SftpAddress = {
  kind: "sftp";
  host: string;
  port?: number | undefined;
  user?: string | undefined;
  path: string;
};
/** `url` ends without a slash and has no login in it. */
export type RestAddress = { kind: "rest"; url: string; user?: string | undefined };
/** `endpoint` is scheme, host and port; `prefix` begins and ends without a slash, and is empty for the whole bucket. */
export type S3Address = { kind: "s3"; endpoint: string; bucket: string; prefix: string };

export type PlaceAddress = FolderAddress | SftpAddress | RestAddress | S3Address;

const EXAMPLES =
  "Write a folder's whole path, sftp:user@host:/path, rest:https://host:8000/path or s3:host/bucket/path.";

/** What restic can do besides. */
const OTHER_KINDS = /^(b2|azure|gs|swift|rclone)$/;

/** Throws `invalid-argument` with what is wrong, `not-supported` for a kind of place that restic alone knows. */
export function parseAddress(
  typed: string,
  platform: NodeJS.Platform,
): { address: PlaceAddress; password?: Secret } {
  const text = typed.trim();
  if (text === "") throw bad(text, "it is empty");
  if (/\p{Cc}|\p{Cs}/u.test(text)) throw bad(text, "it has characters that cannot be printed");
  if (isWhole(text, platform)) return { address: folder(text, platform) };
  const [, kind = "", rest = ""] = /^([a-z][a-z0-9+.-]+):(.*)$/is.exec(text) ?? [];
  switch (kind.toLowerCase()) {
    case "local":
      if (!isWhole(rest, platform)) throw bad(text, "a folder needs its whole path");
      return { address: folder(rest, platform) };
    case "sftp":
      return { address: rest.startsWith("//") ? sftpUrl(text) : sftpShort(text, rest) };
    case "rest":
      return restUrl(text, rest);
    case "s3":
      return { address: s3(text, rest) };
    case "http":
    case "https":
      throw bad(
        text,
        "it does not say which kind of server is there",
        `For a REST server: rest:${shown(text)}`,
      );
    default:
      if (OTHER_KINDS.test(kind.toLowerCase()))
        throw new EngineError(
          "not-supported",
          `cannot use ${shown(text)}: places of the kind ${kind} are not supported`,
          {
            hint: EXAMPLES,
          },
        );
      throw bad(text, "it is neither a whole path nor the address of a server");
  }
}

/** As `parseAddress` takes it, and restic. */
export function formatAddress(address: PlaceAddress): string {
  switch (address.kind) {
    case "folder":
      return address.path;
    case "sftp":
      return formatSftp(address);
    case "rest": {
      if (address.user === undefined) return `rest:${address.url}`;
      return `rest:${address.url.replace("//", `//${encodeURIComponent(address.user)}@`)}`;
    }
    case "s3": {
      const { endpoint, bucket, prefix } = address;
      const secure = endpoint.startsWith("https://");
      const below = secure ? prefix : prefix.split("/").map(encodeURIComponent).join("/");
      return `s3:${secure ? endpoint.slice("https://".length) : endpoint}/${bucket}${below && `/${below}`}`;
    }
  }
}

function isWhole(text: string, platform: NodeJS.Platform): boolean {
  return platform === "win32"
    ? /^([a-z]:[\\/]|\\\\(?![?.]\\)[^\\/]+[\\/]+[^\\/])/i.test(text)
    : text.startsWith("/");
}

function folder(text: string, platform: NodeJS.Platform): FolderAddress {
  const { normalize, parse } = platform === "win32" ? path.win32 : path.posix;
  const whole = normalize(text);
  const bare = whole.replace(platform === "win32" ? /[\\/]+$/ : /\/+$/, "");
  return { kind: "folder", path: bare.length < parse(whole).root.length ? whole : bare };
}

/** `sftp://user@host:port//path`: what follows the first slash is the path, so that two begin a whole one. */
function sftpUrl(text: string): SftpAddress {
  const [, login, host = "", port, below = ""] =
    /^sftp:\/\/(?:([^/]*)@)?(\[[^\]/]*\]|[^:/@]*)(?::(\d*))?(?:\/(.*))?$/is.exec(text) ?? [];
  if (login?.includes(":")) {
    throw bad(
      text,
      "SFTP takes no password",
      "Leave it out: the keys of your own SSH configuration are used.",
    );
  }
  return sftp(text, host, login === undefined ? undefined : decoded(text, login), decoded(text, below), port);
}

/** `sftp:user@host:path`, as scp has it. */
function sftpShort(text: string, rest: string): SftpAddress {
  const [, login, host = "", below = ""] =
    /^(?:([^:/]*)@)?(\[[^\]/]*\]|[^:/@]*)(?::(.*))?$/s.exec(rest) ?? [];
  return sftp(text, host, login, below);
}

function sftp(
  text: string,
  bracketed: string,
  user: string | undefined,
  below: string,
  port?: string,
): SftpAddress {
  const host = bracketed.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  const isHost = bracketed.startsWith("[")
    ? /^[0-9a-f:.]+(%[\w.-]+)?$/.test(host)
    : /^[\w][\w.-]*$/.test(host);
  if (!isHost) throw bad(text, "its host is missing or cannot be a host's name");
  if (user !== undefined && !/^[^\s:/-][^\s:/]*$/.test(user))
    throw bad(text, "its user cannot be a user's name");
  if (below === "") throw bad(text, "it has no path");
  const whole = tidy(below);
  if (whole.startsWith("~")) {
    const hint = "Write it without ~/: a path without a slash before it is below the home there.";
    throw bad(text, "servers do not know ~ in a path", hint);
  }
  const number = port === undefined ? undefined : Number(port);
  if (number !== undefined && !(number >= 1 && number <= 65_535)) throw bad(text, "its port is none");
  return {
    kind: "sftp",
    host,
    path: whole,
    ...(number === undefined ? {} : { port: number }),
    ...(user === undefined ? {} : { user }),
  };
}

function formatSftp({ host, port, user, path: below }: SftpAddress): string {
  const at = host.includes(":") ? `[${host}]` : host;
  if (port === undefined) return `sftp:${user === undefined ? "" : `${user}@`}${at}:${below}`;
  const login = user === undefined ? "" : `${encodeURIComponent(user)}@`;
  return `sftp://${login}${at}:${port}/${below.split("/").map(encodeURIComponent).join("/")}`;
}

function restUrl(text: string, rest: string): { address: RestAddress; password?: Secret } {
  const url = urlOf(text, rest);
  const user = decoded(text, url.username);
  const password = decoded(text, url.password);
  if (user === "" && password !== "") throw bad(text, "it has a password, but no user");
  const below = url.pathname.replace(/\/+/g, "/").replace(/\/$/, "");
  return {
    address: { kind: "rest", url: url.origin + below, ...(user === "" ? {} : { user }) },
    ...(password === "" ? {} : { password: new Secret(password) }),
  };
}

/** `s3:host/bucket/path` is by https, its path as it is typed; `s3:http://…` is a URL, its path encoded. */
function s3(text: string, rest: string): S3Address {
  const isUrl = /^https?:\/\//i.test(rest);
  const [, host = "", below = ""] = /^(?:\/\/)?([^/]*)(?:\/(.*))?$/s.exec(rest) ?? [];
  const url = urlOf(text, isUrl ? rest : `https://${host}`);
  if (url.username !== "" || url.password !== "")
    throw bad(
      text,
      "its keys do not belong into the address",
      "Leave them out: they are asked for, and kept as secrets.",
    );
  const [bucket = "", ...parts] = (isUrl ? decoded(text, url.pathname.slice(1)) : below).split("/");
  if (bucket === "") throw bad(text, "it has no bucket");
  if (!/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i.test(bucket))
    throw bad(text, "its bucket cannot be a bucket's name");
  const prefix = tidy(parts.join("/") || ".").replace(/^\/+|^\.$/g, "");
  if (/^\.\.(\/|$)/.test(prefix)) throw bad(text, "its path leads out of the bucket");
  return { kind: "s3", endpoint: url.origin, bucket, prefix };
}

function urlOf(text: string, typed: string): URL {
  const url = URL.parse(typed);
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === "")
    throw bad(text, "its server's address is none", "It begins with https:// or http://, and a host.");
  if (url.search !== "" || url.hash !== "") throw bad(text, "it has a question mark or a hash sign in it");
  return url;
}

/** One slash each, none at the end. */
function tidy(below: string): string {
  const whole = path.posix.normalize(below);
  return whole.length > 1 ? whole.replace(/\/$/, "") : whole;
}

function decoded(text: string, part: string): string {
  try {
    const plain = decodeURIComponent(part);
    if (!/\p{Cc}|\p{Cs}/u.test(plain)) return plain;
  } catch {
    // Said below.
  }
  throw bad(text, "a percent sign in it begins no character");
}

function bad(text: string, reason: string, hint = EXAMPLES): EngineError {
  return new EngineError("invalid-argument", `cannot use ${shown(text) || "the address"}: ${reason}`, {
    hint,
  });
}

/** Without what may be a password. */
function shown(text: string): string {
  return redactText(text).replace(/:[^:@/\s]*@/g, ":***@");
}
