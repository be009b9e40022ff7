/** OpenSSH itself into a machine of a real Docker and a real Podman, through the configuration that is installed. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../src/base/run.ts";
import type { Berth } from "../support/berth.ts";
import { containerCommands } from "../support/container-commands.ts";
import { loadImage, makeImage, tarOf } from "../support/container-image.ts";

const IMAGE = "localhost/berth-ssh:1";
const SSHD = "/usr/sbin/sshd";

const world = containerCommands();
let server: Buffer;

beforeAll(async () => {
  server = await sshServer();
});

describe.each(["docker", "podman"] as const)("%s", (runtime) => {
  let berth: Berth;
  const ssh = (...words: string[]) =>
    run(["ssh", "-F", path.join(berth.home, ".ssh", "config"), ...words], { env: berth.env });

  beforeAll(async () => {
    const { api } = world.runtimes[runtime];
    await loadImage(api, await makeImage(), IMAGE);
    berth = await world.berthOn(runtime);
    await berth.ok(["ssh-config", "--install"]);
    await berth.ok(["launch", `${runtime}:${IMAGE}`, "--name", "box", "--shape", "machine"]);
  });
  afterAll(async () => {
    await berth?.run(["delete", "--purge", "--all"]);
    await berth?.dispose();
  });

  test("without an SSH server it says so, and what else there is", async () => {
    await expect(ssh("box.berth", "true")).rejects.toMatchObject({
      exitCode: 255,
      stderr: expect.stringMatching(
        /cannot log in to box by SSH: its image has no SSH server[\s\S]*berth shell box/,
      ),
    });
  });

  test("ssh and sftp enter it, with our key and its host key checked, stopped as it may be", async () => {
    await berth.ok(["exec", "box", "--", "tar", "-C", "/", "-xf", "-"], { input: server });
    await berth.ok([
      "exec",
      "box",
      "--",
      "sh",
      "-c",
      "echo sshd:x:74:74::/run/sshd:/bin/false >> /etc/passwd",
    ]);
    expect((await ssh("box.berth", "echo from-$((40 + 2)); id -u")).stdout).toBe("from-42\n0\n");
    await berth.ok(["stop", "box"]);
    const { stdout, stderr } = await ssh("box.berth", "cat; echo; exit 0");
    expect(stdout).toBe("\n");
    expect(stderr).not.toContain("Warning");
    const both = await Promise.all([1, 2, 3].map((each) => ssh("box.berth", `echo ${each}`)));
    expect(both.map((one) => one.stdout)).toEqual(["1\n", "2\n", "3\n"]);
    const config = path.join(berth.home, ".ssh", "config");
    await run(["scp", "-F", config, SSHD, "box.berth:/tmp/copied"], { env: berth.env });
    const size = String((await readFile(SSHD)).length);
    expect(await berth.ok(["exec", "box", "--", "stat", "-c", "%s", "/tmp/copied"])).toBe(`${size}\n`);
  });
});

/** This computer's own, with the libraries that it needs, as a package would bring it. */
async function sshServer(): Promise<Buffer> {
  const { stdout } = await run(["ldd", SSHD]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, file = ""]) => file);
  const files = [SSHD, ...libraries];
  return tarOf(
    await Promise.all(
      files.map(async (file) => ({ name: file.slice(1), mode: 0o755, body: await readFile(file) })),
    ),
  );
}
