/** How the user's own SSH reaches a host, with ssh and ssh-keygen themselves as witnesses. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../../../src/base/run.ts";
import type { SftpAddress } from "../../../../src/engine/backup/places/address.ts";
import { knownKeys, knownName } from "../../../../src/engine/backup/places/known-hosts.ts";
import { routeIn, routeTo } from "../../../../src/engine/backup/places/ssh-user.ts";
import { generateKeyPair } from "../../../../src/engine/guest/keys.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-ssh-user-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const file = (name: string) => path.join(directory, name);
const address: SftpAddress = { kind: "sftp", host: "quay", path: "/x" };
const { signal } = new AbortController();

test("ssh's own configuration is asked", async () => {
  const lines = [
    ...["Host quay", "HostName Quay.Example", "Port 2022", "User skipper", "IdentityFile %d/.ssh/quay_%r"],
    ...[
      "IdentityFile ~/.ssh/other",
      "IdentitiesOnly yes",
      "HostKeyAlias The-Quay",
      "IdentityAgent $MY_AGENT",
    ],
    ...[`UserKnownHostsFile ${file("a")} ${file("b")}`, "GlobalKnownHostsFile none"],
  ];
  await writeFile(file("config"), `${lines.join("\n  ")}\n`);
  const setting = { configFile: file("config"), env: { MY_AGENT: "/run/agent" } };
  expect(await routeTo(signal, address, setting)).toEqual({
    ...{ host: "quay.example", port: 2022, user: "skipper", knownAs: "the-quay" },
    keyFiles: [path.join(homedir(), ".ssh/quay_skipper"), path.join(homedir(), ".ssh/other")],
    ...{ knownHostsFiles: [file("a"), file("b")], agent: "/run/agent", onlyKeyFiles: true },
  });
  const named = { ...address, port: 22, user: "mate" };
  expect(await routeTo(signal, named, setting)).toMatchObject({ port: 22, user: "mate" });
});

test("without an ssh here, it is as ssh does by default", () => {
  const here = { home: "/home/me", user: "me", env: { SSH_AUTH_SOCK: "/run/a" }, platform: "linux" as const };
  expect(routeIn("", { ...address, port: 2022 }, here)).toEqual({
    ...{ host: "quay", port: 2022, user: "me", knownAs: "[quay]:2022" },
    knownHostsFiles: ["/home/me/.ssh/known_hosts"],
    keyFiles: ["id_ed25519", "id_ecdsa", "id_rsa"].map((name) => `/home/me/.ssh/${name}`),
    ...{ agent: "/run/a", onlyKeyFiles: false },
  });
  const windows = { ...here, env: {}, platform: "win32" as const };
  expect(routeIn("", address, windows).agent).toContain("openssh-ssh-agent");
});

test("a host is reached through others as ssh itself does it, but by no program", () => {
  const here = { home: "/home/me", user: "me", env: {}, platform: "linux" as const };
  const through = (hops: string) => routeIn(`hostname quay\nproxyjump ${hops}\n`, address, here).through;
  expect(through("none")).toBeUndefined();
  const ssh = ["ssh", "-o", "BatchMode=yes"];
  expect(through("pier")).toEqual([...ssh, "-W", "[quay]:22", "--", "ssh://pier"]);
  expect(through("a,me@b:2,ssh://c")).toEqual([...ssh, "-J", "a,me@b:2", "-W", "[quay]:22", "--", "ssh://c"]);
  expect(() => routeIn("proxycommand nc %h %p\n", address, here)).toThrow("by a program (ProxyCommand)");
  expect(routeIn("proxycommand none\n", address, here)).toMatchObject({ host: "quay" });
});

test.each([
  ["quay", 22],
  ["QUAY", 22],
  ["quay", 2022],
  ["10.0.0.7", 22],
  ["10.0.0.77", 22],
  ["pier.example", 22],
  ["secret.example", 22],
  ["elsewhere", 22],
  ["hidden", 2200],
])("known_hosts says of %s, port %d, what ssh-keygen finds there", async (host, port) => {
  const pairs = await Promise.all(Array.from({ length: 6 }, () => generateKeyPair("x")));
  const keys = pairs.map(({ publicKey }) => publicKey.split(" ").slice(0, 2).join(" "));
  const lines = [
    ...["# a comment", `quay,10.0.0.? ${keys[0]}`, `[quay]:2022 ${keys[1]} with a comment`],
    ...[`*.example,!secret.example ${keys[2]}`, `@revoked quay ${keys[3]}`, `@cert-authority * ${keys[4]}`],
    ...["broken line", ""],
  ];
  const known = file(`known-${crypto.randomUUID()}`);
  await writeFile(file("hidden"), `[hidden]:2200 ${keys[5]}\n`);
  await run(["ssh-keygen", "-q", "-H", "-f", file("hidden")]).catch(() => {});
  const hashed = await import("node:fs/promises").then(({ readFile }) => readFile(file("hidden"), "utf8"));
  expect(hashed).toMatch(/^\|1\|/);
  const text = `${lines.join("\n")}\n${hashed}`;
  await writeFile(known, text);

  const name = knownName(host, port);
  const { stdout } = await run(["ssh-keygen", "-F", name, "-f", known]).catch(() => ({ stdout: "" }));
  const found = stdout.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const blobs = (marker: RegExp) =>
    found.filter((line) => marker.test(line)).map((line) => /\b(AAAA\S+)/.exec(line)?.[1]);
  const { accepted, revoked } = knownKeys(text, name);
  expect(accepted.map(({ blob }) => blob.toString("base64"))).toEqual(blobs(/^[^@]/));
  expect(revoked.map(({ blob }) => blob.toString("base64"))).toEqual(blobs(/^@revoked/));
});
