/** A real REST server for repositories: rclone's, over a directory. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { makeCertificate, type TestCertificate } from "./certificate.ts";
import { connectable, freePort } from "./free-port.ts";
import { answering, end, spawnLogged } from "./runtimes.ts";

export const REST_LOGIN = { user: "skipper", password: "harbour:50%" };

export type RestServer = {
  port: number;
  /** Files lie here, in restic's layout. */
  data: string;
  directory: string;
  certificate: TestCertificate;
  stop(): Promise<void>;
};

export async function startRestServer(
  options: { login?: boolean; tls?: boolean; appendOnly?: boolean } = {},
): Promise<RestServer> {
  const directory = await mkdtemp(path.join(tmpdir(), "berth-rest-"));
  const data = path.join(directory, "data");
  await mkdir(data);
  const certificate = await makeCertificate(directory);
  const port = await freePort();
  const log = path.join(directory, "log");
  const { certFile, keyFile } = certificate;
  const argv = [
    ...["rclone", "serve", "restic", "--config", path.join(directory, "none"), "--addr", `127.0.0.1:${port}`],
    ...(options.login ? ["--user", REST_LOGIN.user, "--pass", REST_LOGIN.password] : []),
    ...(options.tls ? ["--cert", certFile, "--key", keyFile] : []),
    ...(options.appendOnly ? ["--append-only"] : []),
    data,
  ];
  const child = spawnLogged(argv, log);
  await answering("rclone", child, log, () => connectable(port));
  return {
    ...{ port, data, directory, certificate },
    stop: async () => {
      await end(child);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
