import { appendFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { exists } from "../../src/base/durable.ts";
import { run, startChild } from "../../src/base/run.ts";
import type { Patience } from "../../src/engine/backup/places/retry.ts";
import { SftpPlace } from "../../src/engine/backup/places/sftp.ts";
import { generateKeyPair } from "../../src/engine/guest/keys.ts";
import { processesWith } from "../support/processes.ts";
import { startSshd, type TestSshd } from "../support/sshd.ts";
import { ctx } from "./driver.ts";
import { describePlace, fileOf } from "./place.ts";
import { describeFaults, SHORT } from "./place-faults.ts";
import { describeRestic } from "./place-restic.ts";

const WHOLE = "Subsystem sftp internal-sftp";
/** As a server that is not OpenSSH's: nothing is put to its disk at will, no name is taken over. */
const PLAIN = "Subsystem sftp /usr/lib/openssh/sftp-server -P fsync,posix-rename,statvfs";

/** A configuration of ssh that knows the server, by whichever port, and the key that it lets in. */
async function configure(sshd: TestSshd): Promise<string> {
  const file = (name: string) => path.join(sshd.directory, name);
  await writeFile(file("id"), sshd.login.client.privateKey, { mode: 0o600 });
  await writeFile(file("known_hosts"), `harbour ${sshd.login.host.publicKey}\n`);
  const lines = ["Host *", `User ${sshd.login.user}`, "HostKeyAlias harbour", "IdentitiesOnly yes"];
  lines.push("IdentityAgent none", `IdentityFile ${file("id")}`);
  lines.push(`UserKnownHostsFile ${file("known_hosts")}`, "GlobalKnownHostsFile none");
  await writeFile(file("ssh_config"), `${lines.join("\n  ")}\n`);
  return file("ssh_config");
}

type World = {
  sshd: TestSshd;
  /** Of the directory of this name; by another port, where one is given. */
  open(at: string, options?: { port?: number; patience?: Patience }): SftpPlace;
  root(at: string): string;
  configFile: string;
};

async function makeWorld(subsystem: string): Promise<World> {
  const sshd = await startSshd([subsystem]);
  const configFile = await configure(sshd);
  const root = (at: string) => path.join(sshd.directory, "places", at);
  await mkdir(root(""));
  return {
    ...{ sshd, root, configFile },
    open: (at, { port = sshd.port, patience } = {}) =>
      new SftpPlace(
        { kind: "sftp", host: "127.0.0.1", port, path: root(at) },
        { patience, ssh: { configFile } },
      ),
  };
}

for (const [name, subsystem] of [
  ["sftp", WHOLE],
  ["sftp without OpenSSH's extensions", PLAIN],
] as const) {
  describePlace(name, async () => {
    const { sshd, open, root } = await makeWorld(subsystem);
    const place = open("one");
    const at = (file: string) => path.join(root("one"), file);
    return {
      place,
      another: () => open("one"),
      strew: async (file, bytes) => {
        await mkdir(path.dirname(at(file)), { recursive: true });
        await writeFile(at(file), bytes);
      },
      cutOff: async () => {
        const left = [at("data/ab/1234.tmp"), at("index/5678-tmp-90"), at("config.1.tmp")];
        await mkdir(at("data/ab"), { recursive: true });
        for (const file of left) await writeFile(file, "half");
        return async () => (await Promise.all(left.map(exists))).includes(true);
      },
      dispose: async () => {
        place.dispose();
        await sshd.stop();
      },
    };
  });

  describeFaults(name, async () => {
    const { sshd, open, root } = await makeWorld(subsystem);
    return {
      port: sshd.port,
      open: (port, patience) => open("one", { port, patience }),
      strays: async () => {
        const all = await readdir(root("one"), { recursive: true });
        return all.filter((file) => file.endsWith(".tmp")).length;
      },
      dispose: () => sshd.stop(),
    };
  });
}

describeRestic("sftp", async () => {
  const { sshd, open, root, configFile } = await makeWorld(WHOLE);
  return {
    open,
    restic: (at) => {
      const command = `ssh -F ${configFile} -p ${sshd.port} 127.0.0.1 -s sftp`;
      return { argv: ["-r", `sftp:127.0.0.1:${root(at)}`, "-o", `sftp.command=${command}`] };
    },
    dispose: () => sshd.stop(),
  };
});

describe("an SFTP server", () => {
  let world: World;
  const file = (name: string) => path.join(world.sshd.directory, name);

  beforeAll(async () => {
    world = await makeWorld(WHOLE);
  });
  afterAll(() => world?.sshd.stop());

  /** What looking into a place says, with a configuration of ssh's own. */
  async function failure(edit: (config: string) => string): Promise<Error & { code: string; hint: string }> {
    const configFile = file(`config-${crypto.randomUUID()}`);
    await writeFile(configFile, edit(await readFile(world.configFile, "utf8")));
    const address = {
      kind: "sftp",
      host: "127.0.0.1",
      port: world.sshd.port,
      path: world.root("x"),
    } as const;
    const place = new SftpPlace(address, { patience: SHORT, ssh: { configFile, env: {} } });
    onTestFinished(() => place.dispose());
    return await place.stat(ctx(), { kind: "config", name: "" }).then(
      (found) => {
        throw new Error(`it came in: ${JSON.stringify(found)}`);
      },
      (error) => error,
    );
  }

  test("whose host key nobody knows is refused, with what to do", async () => {
    const error = await failure((config) => config.replace("HostKeyAlias harbour", "HostKeyAlias elsewhere"));
    expect(error).toMatchObject({
      code: "place-unreachable",
      details: { hostKey: expect.stringMatching(/^SHA256:/) },
    });
    expect(error.message).toMatch(/its host key SHA256:\S+ is not known$/);
    expect(error.hint).toContain(`ssh -p ${world.sshd.port} ${world.sshd.login.user}@127.0.0.1`);
    const { stdout } = await run(["ssh-keygen", "-l", "-f", file("host_key")]);
    expect(stdout).toContain(/SHA256:\S+/.exec(error.message)?.[0]);
  });

  test("whose host key has changed is refused, with what to do", async () => {
    await writeFile(file("changed"), `harbour ${(await generateKeyPair("x")).publicKey}\n`);
    const error = await failure((config) => config.replace("/known_hosts", "/changed"));
    expect(error).toMatchObject({ code: "place-unreachable" });
    expect(error.message).toMatch(/its host key has changed, to SHA256:/);
    expect(error.hint).toContain("ssh-keygen -R 'harbour'");
  });

  test("whose host key is of another kind than is known is refused", async () => {
    await run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", file("ecdsa")]);
    await writeFile(file("other"), `harbour ${await readFile(file("ecdsa.pub"), "utf8")}`);
    const error = await failure((config) => config.replace("/known_hosts", "/other"));
    expect(error).toMatchObject({ code: "place-unreachable" });
    expect(error.message).toContain("no longer has a host key of a kind that is known");
  });

  test("whose host key is revoked is refused", async () => {
    const { publicKey } = world.sshd.login.host;
    await writeFile(file("revoked"), `harbour ${publicKey}\n@revoked * ${publicKey}\n`);
    const error = await failure((config) => config.replace("/known_hosts", "/revoked"));
    expect(error.message).toMatch(/is revoked$/);
  });

  test("that knows none of the user's keys says so", async () => {
    await writeFile(file("stranger"), (await generateKeyPair("x")).privateKey, { mode: 0o600 });
    const error = await failure((config) => config.replace(`${file("id")}\n`, `${file("stranger")}\n`));
    expect(error).toMatchObject({
      code: "unauthenticated",
      hint: expect.stringContaining("authorized_keys"),
    });
    expect(error.message).toContain(`accepts no key of yours for the user ${world.sshd.login.user}`);
  });

  test("is reached through another host, or is not, in that one's words", async () => {
    const bastion = (key: string) => `Host bastion
  HostName 127.0.0.1
  Port ${world.sshd.port}
  ProxyJump none
  HostKeyAlias ${key}
`;
    const jumping = (key: string) => (config: string) => `${bastion(key)}${config}  ProxyJump bastion\n`;
    const configFile = file("config-jump");
    await writeFile(configFile, jumping("harbour")(await readFile(world.configFile, "utf8")));
    const address = {
      kind: "sftp",
      host: "127.0.0.1",
      port: world.sshd.port,
      path: world.root("x"),
    } as const;
    const place = new SftpPlace(address, { patience: SHORT, ssh: { configFile, env: {} } });
    expect(await place.stat(ctx(), { kind: "config", name: "" })).toBeUndefined();
    place.dispose();
    await expect.poll(() => processesWith(configFile)).toEqual([]);

    const error = await failure(jumping("nobody-knows"));
    expect(error).toMatchObject({ code: "place-unreachable" });
    expect(error.message).toContain("the host between says: Host key verification failed");
  });

  test("takes a key with a passphrase from an agent alone, and only that one of the agent's", async () => {
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file("locked")]);
    await appendFile(file("authorized_keys"), `\n${await readFile(file("locked.pub"), "utf8")}`);
    const socket = file("agent");
    const agent = startChild(["ssh-agent", "-D", "-a", socket]);
    agent.stdout.resume();
    onTestFinished(async () => {
      agent.kill("SIGTERM");
      await agent.exited;
    });
    await expect.poll(() => exists(socket)).toBe(true);
    // sshd lets six keys be tried: one that offers all of the agent's is shown the door.
    for (let at = 0; at < 7; at += 1) {
      await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file(`extra${at}`)]);
      await run(["ssh-add", "-q", file(`extra${at}`)], { env: { SSH_AUTH_SOCK: socket } });
    }
    await run(["ssh-add", "-q", file("locked")], { env: { SSH_AUTH_SOCK: socket } });
    await run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "harbour", "-f", file("locked")]);

    const withLocked = (config: string) => config.replace(`${file("id")}\n`, `${file("locked")}\n`);
    const error = await failure(withLocked);
    expect(error).toMatchObject({ code: "unauthenticated" });
    expect(error.hint).toContain(`ssh-add ${file("locked")}`);

    const configFile = file("config-agent");
    const config = withLocked(await readFile(world.configFile, "utf8"));
    await writeFile(configFile, config.replace("IdentityAgent none", `IdentityAgent ${socket}`));
    const address = {
      kind: "sftp",
      host: "127.0.0.1",
      port: world.sshd.port,
      path: world.root("agent"),
    } as const;
    const place = new SftpPlace(address, { patience: SHORT, ssh: { configFile, env: {} } });
    await place.create(ctx());
    expect(await exists(world.root("agent"))).toBe(true);
    place.dispose();
  });

  /** Only root can make a file system that is full. */
  test.runIf(process.getuid?.() === 0)(
    "whose disk is full says so, and keeps what it has",
    async ({ skip }) => {
      const small = world.root("small");
      await mkdir(small);
      const mounted = run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small]);
      if (!(await mounted.catch(() => undefined))) skip("this root may not mount");
      onTestFinished(() => run(["umount", "--lazy", small]).then(() => {}));
      const place = world.open("small", { patience: SHORT });
      onTestFinished(() => place.dispose());
      await place.create(ctx());
      const fits = Buffer.alloc(1_000_000, 1);
      const not = Buffer.alloc(3_000_000, 2);
      await place.save(ctx(), fileOf("data", fits), fits);
      await expect(place.save(ctx(), fileOf("data", not), not)).rejects.toMatchObject({
        code: "no-resources",
        message: expect.stringContaining("no space left"),
      });
      expect(Buffer.from(await place.load(ctx(), fileOf("data", fits)))).toEqual(fits);
      const all = await readdir(small, { recursive: true });
      expect(all.filter((name) => name.endsWith(".tmp"))).toEqual([]);
    },
  );

  test("whose directory is gone says so, and nothing is written in its place", async () => {
    const place = world.open("gone", { patience: SHORT });
    onTestFinished(() => place.dispose());
    await place.create(ctx());
    await rm(world.root("gone"), { recursive: true });
    await mkdir(world.root("gone"));
    const bytes = Buffer.from("pack");
    await expect(place.save(ctx(), fileOf("data", bytes), bytes)).rejects.toMatchObject({
      code: "not-found",
      hint: expect.stringContaining("mounted"),
    });
    expect(await readdir(world.root("gone"))).toEqual([]);
  });
});
