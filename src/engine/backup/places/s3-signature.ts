/** Signature Version 4, by which requests to S3 are signed, as its public description has it. Pure. */
import { createHash, createHmac } from "node:crypto";
import type { Secret } from "../../../base/secret.ts";

export type S3Keys = {
  accessKeyId: string;
  secretAccessKey: Secret;
  /** Of keys that are lent for a time. */
  sessionToken?: Secret | undefined;
};

export type ToSign = {
  method: string;
  host: string;
  /** Encoded, as it is sent. */
  path: string;
  query?: Record<string, string> | undefined;
  headers?: Record<string, string> | undefined;
  /** SHA-256 of the body, in hex. */
  bodyHash: string;
};

/** Of no body. */
export const EMPTY_HASH = sha256("");

/** The headers to send with the request: those that are given, and those that sign it. */
export function signed(
  request: ToSign,
  keys: S3Keys,
  { region, date }: { region: string; date: Date },
): Record<string, string> {
  const stamp = date.toISOString().replace(/[-:]|\.\d{3}/g, "");
  const day = stamp.slice(0, 8);
  const headers: Record<string, string> = {
    ...request.headers,
    host: request.host,
    "x-amz-content-sha256": request.bodyHash,
    "x-amz-date": stamp,
    ...(keys.sessionToken ? { "x-amz-security-token": keys.sessionToken.reveal() } : {}),
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    ...[request.method, request.path, encodedQuery(request.query)],
    ...[...names.map((name) => `${name}:${headers[name]?.trim()}`), ""],
    ...[names.join(";"), request.bodyHash],
  ].join("\n");
  const scope = [day, region, "s3", "aws4_request"];
  const toSign = ["AWS4-HMAC-SHA256", stamp, scope.join("/"), sha256(canonical)].join("\n");
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${keys.secretAccessKey.reveal()}`);
  const credential = `${keys.accessKeyId}/${scope.join("/")}`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(";")}, Signature=${hmac(key, toSign).toString("hex")}`;
  return { ...headers, authorization };
}

/** Sorted, as it is signed and sent. */
export function encodedQuery(query: Record<string, string> = {}): string {
  return Object.entries(query)
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join("&");
}

/** The path of an object, each part of its key encoded. */
export function encodedPath(bucket: string, key: string): string {
  return `/${[bucket, ...(key === "" ? [] : key.split("/"))].map(encoded).join("/")}`;
}

/** Stricter than encodeURIComponent. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
