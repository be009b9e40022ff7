/** A real sshd on this computer, which lets one key in. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { generateLogin, type Login } from "../../src/engine/guest/keys.ts";
import { connectable, freePort } from "./free-port.ts";
import { answering, end, spawnLogged } from "./runtimes.ts";

export type TestSshd = {
  login: Login;
  port: number;
  /** For files of the test's own; only this user may enter. */
  directory: string;
  stop(): Promise<void>;
};

/** `more`: further lines of its configuration. */
export async function startSshd(more: readonly string[] = []): Promise<TestSshd> {
  const directory = await mkdtemp(path.join(tmpdir(), "berth-sshd-"));
  const login = await generateLogin(userInfo().username);
  const file = (name: string) => path.join(directory, name);
  await chmod(directory, 0o700);
  await writeFile(file("host_key"), login.host.privateKey, { mode: 0o600 });
  await writeFile(file("authorized_keys"), login.client.publicKey, { mode: 0o600 });
  const port = await freePort();
  const config = [
    ...[`Port ${port}`, "ListenAddress 127.0.0.1", `HostKey ${file("host_key")}`, "UsePAM no"],
    ...[`AuthorizedKeysFile ${file("authorized_keys")}`, "StrictModes no", `PidFile ${file("pid")}`],
    ...["PasswordAuthentication no", "PermitRootLogin yes", ...more],
  ];
  await writeFile(file("config"), `${config.join("\n")}\n`);
  if (process.getuid?.() === 0) await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
  const child = spawnLogged(["/usr/sbin/sshd", "-D", "-e", "-f", file("config")], file("log"));
  await answering("sshd", child, file("log"), () => connectable(port));
  return {
    ...{ login, port, directory },
    stop: async () => {
      await end(child, "SIGKILL");
      await rm(directory, { recursive: true, force: true });
    },
  };
}
