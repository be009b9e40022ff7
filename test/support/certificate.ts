/** A certificate of a server on this computer, signed by itself. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { run } from "../../src/base/run.ts";

export type TestCertificate = { certFile: string; keyFile: string; pem: string; fingerprint: string };

/** `names`: what it is for, as OpenSSL writes alternative names. */
export async function makeCertificate(
  directory: string,
  { names = "IP:127.0.0.1,DNS:localhost", days = 2 }: { names?: string; days?: number } = {},
): Promise<TestCertificate> {
  const certFile = path.join(directory, "cert.pem");
  const keyFile = path.join(directory, "key.pem");
  await run([
    ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ...["-keyout", keyFile, "-out", certFile, "-days", String(days), "-subj", "/CN=localhost"],
    ...["-addext", `subjectAltName=${names}`],
  ]);
  const pem = await readFile(certFile, "utf8");
  return { certFile, keyFile, pem, fingerprint: new X509Certificate(pem).fingerprint256 };
}
