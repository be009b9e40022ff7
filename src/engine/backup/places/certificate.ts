/** Whether a server's certificate is trusted: by this host's authorities, one that the user gives, or a fingerprint. */
import tls from "node:tls";
import { EngineError, messageOf } from "../../../base/errors.ts";
import { TransientError } from "../../transient.ts";
import { type Purpose, placeError } from "./place-error.ts";

export type Certified = {
  /** Certificates of authorities (PEM) that are trusted besides this host's own. */
  ca?: string | undefined;
  /** SHA-256 of the server's own certificate, in hex with or without colons; then nothing else of it counts. */
  fingerprint?: string | undefined;
};

/** Throws `invalid-argument` where they cannot be meant so. */
export function checkedCertified({ ca, fingerprint }: Certified): Certified {
  if (fingerprint !== undefined && !/^[0-9a-f]{64}$/.test(plainHex(fingerprint))) {
    throw new EngineError("invalid-argument", "cannot use the fingerprint: it is not a SHA-256 in hex", {
      hint: "It has 64 hex digits, as `openssl x509 -fingerprint -sha256` prints them.",
    });
  }
  if (ca !== undefined && !ca.includes("-----BEGIN CERTIFICATE-----")) {
    throw new EngineError("invalid-argument", "cannot use the authority's certificate: it is not PEM", {
      hint: "The file begins with -----BEGIN CERTIFICATE-----.",
    });
  }
  return { ca, fingerprint };
}

class NotTrusted extends Error {
  readonly fingerprint: string;
  readonly hint: string;

  constructor(reason: string, fingerprint: string, hint: string) {
    super(reason);
    this.fingerprint = fingerprint;
    this.hint = hint;
  }
}

/** Resolves with a connection whose certificate was found good. */
export function connectTls(
  options: tls.ConnectionOptions & { timeout?: number | undefined },
  certified: Certified,
): Promise<tls.TLSSocket> {
  const { ca } = certified;
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      ...options,
      ...(ca === undefined ? {} : { ca: [...tls.rootCertificates, ca] }),
      minVersion: "TLSv1.2",
      rejectUnauthorized: false, // Judged below, so that the error can say which certificate it was.
    });
    const fail = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    const onTimeout = () =>
      fail(new TransientError(`it said nothing for ${(options.timeout ?? 0) / 1000} s`));
    socket.once("error", fail);
    socket.once("timeout", onTimeout);
    socket.once("secureConnect", () => {
      const wrong = judge(socket, certified);
      if (wrong) return fail(wrong);
      socket.off("error", fail);
      socket.off("timeout", onTimeout);
      resolve(socket);
    });
  });
}

function judge(socket: tls.TLSSocket, { fingerprint }: Certified): NotTrusted | undefined {
  const { fingerprint256: now = "" } = socket.getPeerCertificate();
  if (fingerprint !== undefined) {
    if (plainHex(fingerprint) === plainHex(now)) return undefined;
    const hint = `It shows ${now}. If it was renewed, give the place that fingerprint; if not, somebody stands between.`;
    return new NotTrusted("its certificate is not the one that was agreed on", now, hint);
  }
  if (socket.authorized) return undefined;
  const hint = `If the server is yours, give the place its fingerprint, ${now}, or its authority's certificate.`;
  return new NotTrusted(reasonFor(String(socket.authorizationError)), now, hint);
}

function reasonFor(code: string): string {
  switch (code) {
    case "CERT_HAS_EXPIRED":
      return "its certificate has expired";
    case "CERT_NOT_YET_VALID":
      return "its certificate is not valid yet; look at the clocks of both";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return "its certificate is for another name";
    default:
      return `its certificate is not trusted (${code})`;
  }
}

/** Codes of a peer that speaks something else, or no version of TLS that is taken here. */
const OTHER_TONGUE =
  /^(EPROTO|ERR_SSL_(WRONG_VERSION_NUMBER|UNSUPPORTED_PROTOCOL|(TLSV1|SSLV3)_ALERT_.*|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST))$/;

/** The error of a handshake that no further attempt can end well; undefined for every other error. */
export function tlsFault(purpose: Purpose, error: unknown): EngineError | undefined {
  if (error instanceof NotTrusted) {
    const { fingerprint } = error;
    return placeError("place-unreachable", purpose, error.message, error.hint, { details: { fingerprint } });
  }
  if (!OTHER_TONGUE.test((error as NodeJS.ErrnoException).code ?? "")) return undefined;
  const hint = `Look whether the address should begin with http://. What was seen: ${messageOf(error).trim()}`;
  return placeError("place-unreachable", purpose, "it does not speak TLS as this host does", hint, {
    cause: error,
  });
}

function plainHex(text: string): string {
  return text.replaceAll(":", "").toLowerCase();
}
