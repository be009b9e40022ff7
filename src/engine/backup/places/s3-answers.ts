/** What S3 servers say, in XML: pages of lists, and why a request failed. Pure. */
import type { EngineError } from "../../../base/errors.ts";
import { TransientError } from "../../transient.ts";
import { answeredFault, type HttpAnswer, retryAfterMs } from "./http.ts";
import { FULL_HINT, type Purpose, placeError } from "./place-error.ts";

export type S3Page = { objects: { key: string; sizeBytes: number }[]; next: string | undefined };

/** Undefined for what is no page of a list. */
export function parsePage(xml: string): S3Page | undefined {
  if (!/<ListBucketResult[\s>]/.test(xml)) return undefined;
  const objects: S3Page["objects"] = [];
  for (const [, inner = ""] of xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
    const key = textIn(inner, "Key");
    const size = textIn(inner, "Size") ?? "";
    if (key === undefined || !/^\d{1,15}$/.test(size)) return undefined;
    objects.push({ key, sizeBytes: Number(size) });
  }
  const isCut = textIn(xml, "IsTruncated") === "true";
  const next = isCut ? textIn(xml, "NextContinuationToken") : undefined;
  return isCut && !next ? undefined : { objects, next };
}

export type S3Fault = { code: string; message: string; region: string | undefined };

/** Empty words where the answer is no fault of S3's, as every answer to HEAD. */
export function parseFault({ headers, body }: HttpAnswer): S3Fault {
  const xml = body.length < 100_000 ? body.toString("utf8") : "";
  const inner = /<Error>(.*?)<\/Error>/s.exec(xml)?.[1] ?? "";
  const region = textIn(inner, "Region") ?? headers["x-amz-bucket-region"];
  return {
    code: textIn(inner, "Code") ?? "",
    message: (textIn(inner, "Message") ?? "").replace(/\p{Cc}+/gu, " ").slice(0, 300),
    region: typeof region === "string" ? region : undefined,
  };
}

type Meaning = [code: EngineError["code"], reason: string, hint: string];

const CLOCK_HINT = "Signatures are good for a quarter of an hour: set the clock of this computer right.";
const KEYS_HINT = "Give the place an access key that its server knows, with the secret that belongs to it.";

const MEANINGS: Readonly<Record<string, Meaning>> = {
  NoSuchBucket: ["not-found", "there is no such bucket", "Make the bucket first, or correct its name."],
  InvalidAccessKeyId: ["unauthenticated", "its server does not know the access key", KEYS_HINT],
  SignatureDoesNotMatch: ["unauthenticated", "the secret key is not the right one", KEYS_HINT],
  ExpiredToken: ["unauthenticated", "the keys were lent for a time, which is over", KEYS_HINT],
  InvalidToken: ["unauthenticated", "the session token is not the right one", KEYS_HINT],
  RequestTimeTooSkewed: ["unauthenticated", "its clock and the one of this computer differ", CLOCK_HINT],
  QuotaExceeded: ["no-resources", "there is no space left", FULL_HINT],
  XMinioStorageFull: ["no-resources", "there is no space left", FULL_HINT],
  EntityTooLarge: ["no-resources", "it takes no file of this size", FULL_HINT],
};

/** Faults that may pass, whatever their status is. */
const PASSING = /^(RequestTimeout|SlowDown|ServiceUnavailable|InternalError|OperationAborted)$/;

/** What an answer means that is no success. */
export function s3Fault(purpose: Purpose, answer: HttpAnswer): Error {
  const { code, message } = parseFault(answer);
  const meaning = MEANINGS[code];
  if (meaning) {
    const [kind, reason, hint] = meaning;
    return placeError(kind, purpose, reason, hint);
  }
  if (PASSING.test(code))
    return new TransientError(`it answered ${code}: ${message}`, {
      afterMs: retryAfterMs(answer.headers["retry-after"]),
    });
  return answeredFault(purpose, answer, code && `${code}: ${message}`);
}

function textIn(xml: string, tag: string): string | undefined {
  const text = new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml)?.[1];
  return text === undefined ? undefined : plain(text);
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function plain(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w{2,4}));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    const point = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}
