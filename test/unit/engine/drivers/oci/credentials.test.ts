import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findLogin, loginHeader, loginIn } from "../../../../../src/engine/drivers/oci/credentials.ts";
import { loginFiles } from "../../../../../src/engine/drivers/oci/host.ts";

const ctx = { signal: new AbortController().signal };
const basic = (text: string) => Buffer.from(text).toString("base64");
const wanted = { registry: "host:5000", repository: "team/app" };
let directory: string;
const outer = process.env["PATH"];

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-logins-"));
  process.env["PATH"] = `${directory}:${outer}`;
});
afterEach(async () => {
  process.env["PATH"] = outer;
  await rm(directory, { recursive: true, force: true });
});

async function logins(name: string, value: unknown): Promise<string> {
  const file = path.join(directory, name);
  await writeFile(file, typeof value === "string" ? value : JSON.stringify(value));
  return file;
}

async function helper(name: string, script: string): Promise<void> {
  const file = path.join(directory, `docker-credential-${name}`);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
}

const find = async (...files: string[]) => (await findLogin(ctx, files, wanted))?.reveal();

test.each([
  ["its host", { "host:5000": { auth: basic("me:pw") } }],
  ["an address", { "https://host:5000/v1/": { auth: basic("me:pw") } }],
  [
    "a namespace before its host",
    { "host:5000": { auth: basic("other:x") }, "host:5000/team": { auth: basic("me:pw") } },
  ],
  [
    "the repository",
    { "host:5000/team": { auth: basic("other:x") }, "host:5000/team/app": { auth: basic("me:pw") } },
  ],
])("a login is found by %s", (_what, auths) => {
  expect(loginIn({ auths }, wanted)).toEqual({ username: "me", password: "pw" });
});

test("a login of another host, of a name that only begins so, or without a password is none", () => {
  const auths = {
    host: { auth: basic("a:b") },
    "host:50001": { auth: basic("a:b") },
    "host:5000/tea": { auth: basic("a:b") },
    "host:5000/team": { auth: basic("no colon") },
  };
  expect(loginIn({ auths }, wanted)).toBeUndefined();
  expect(loginIn({ auths: { "host:5000": {} } }, wanted)).toBeUndefined();
});

test("a password may hold colons; a token is passed on as one", () => {
  expect(loginIn({ auths: { "host:5000": { auth: basic("me:a:b:c") } } }, wanted)).toEqual({
    username: "me",
    password: "a:b:c",
  });
  expect(loginIn({ auths: { "host:5000": { auth: basic("me:"), identitytoken: "t" } } }, wanted)).toEqual({
    identitytoken: "t",
  });
});

test("the first file that has one counts, and absent files do not matter", async () => {
  const absent = path.join(directory, "absent.json");
  const other = await logins("other.json", { auths: { elsewhere: { auth: basic("a:b") } } });
  const one = await logins("one.json", { auths: { "host:5000": { auth: basic("one:1") } } });
  const two = await logins("two.json", { auths: { "host:5000": { auth: basic("two:2") } } });
  expect(await find(absent, other, one, two)).toEqual({ username: "one", password: "1" });
  expect(await find(absent, other)).toBeUndefined();
});

test("a damaged file is told, and not passed over", async () => {
  await expect(find(await logins("config.json", "{"))).rejects.toMatchObject({
    code: "invalid-argument",
    message: expect.stringContaining("cannot read logins from "),
  });
});

test("a helper is asked for the registry, by its standard input", async () => {
  await helper("safe", `cat > ${directory}/asked; echo '{"ServerURL":"x","Username":"me","Secret":"pw"}'`);
  await helper("all", 'echo \'{"Username":"wrong","Secret":"x"}\'');
  const file = await logins("config.json", { credsStore: "all", credHelpers: { "host:5000": "safe" } });
  expect(await find(file)).toEqual({ username: "me", password: "pw" });
  expect(await readFile(path.join(directory, "asked"), "utf8")).toBe("host:5000");
});

test("a helper's token is one", async () => {
  await helper("all", 'echo \'{"Username":"<token>","Secret":"t"}\'');
  expect(await find(await logins("config.json", { credsStore: "all" }))).toEqual({ identitytoken: "t" });
});

test("a helper without a login leaves it to what the file holds, then to the next file", async () => {
  await helper("all", "echo 'credentials not found in native keychain'; exit 1");
  const kept = await logins("a.json", {
    credsStore: "all",
    auths: { "host:5000": { auth: basic("me:pw") } },
  });
  expect(await find(kept)).toEqual({ username: "me", password: "pw" });
  expect(await find(await logins("b.json", { credsStore: "all" }))).toBeUndefined();
});

test("a helper that fails is told by its name and words, and what it printed before is not", async () => {
  await helper("all", "echo 'the keychain is locked' >&2; exit 2");
  await expect(find(await logins("config.json", { credsStore: "all" }))).rejects.toMatchObject({
    code: "unauthenticated",
    message: "cannot get the login for host:5000: docker-credential-all: the keychain is locked",
  });
  await expect(find(await logins("config.json", { credsStore: "absent" }))).rejects.toMatchObject({
    code: "unauthenticated",
    message: expect.stringContaining("docker-credential-absent"),
  });
});

test("a helper's name is no path", async () => {
  await helper("x", `touch ${directory}/ran`);
  const file = await logins("config.json", { credsStore: "x/../docker-credential-x" });
  expect(await find(file)).toBeUndefined();
});

test("a cancelled look-up ends its helper", async () => {
  await helper("all", `echo $$ > ${directory}/pid; exec sleep 600`);
  const file = await logins("config.json", { credsStore: "all" });
  const controller = new AbortController();
  const finding = findLogin({ signal: controller.signal }, [file], wanted);
  const pid = await expect
    .poll(() => readFile(path.join(directory, "pid"), "utf8").catch(() => ""))
    .not.toBe("")
    .then(() => readFile(path.join(directory, "pid"), "utf8"));
  controller.abort();
  await expect(finding).rejects.toMatchObject({ name: "AbortError" });
  expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH");
});

test("a login is never printed, and is encoded for the header", async () => {
  const file = await logins("config.json", { auths: { "host:5000": { auth: basic("me:p?w>") } } });
  const login = await findLogin(ctx, [file], wanted);
  expect(`${login} ${JSON.stringify(login)}`).toBe('*** "***"');
  const { "x-registry-auth": header = "" } = loginHeader(login);
  expect(header).toMatch(/^[\w-]+={0,2}$/);
  expect(header.length % 4).toBe(0);
  expect(JSON.parse(Buffer.from(header, "base64url").toString())).toEqual({
    username: "me",
    password: "p?w>",
  });
  expect(loginHeader(undefined)).toEqual({});
});

test("each runtime's own place comes first", () => {
  const env = {
    HOME: "/h",
    XDG_RUNTIME_DIR: "/run/user/1",
    REGISTRY_AUTH_FILE: "/a.json",
    DOCKER_CONFIG: "/d",
  };
  const podman = ["/a.json", "/run/user/1/containers/auth.json", "/h/.config/containers/auth.json"];
  expect(loginFiles("podman", env)).toEqual([...podman, "/d/config.json"]);
  expect(loginFiles("docker", env)).toEqual(["/d/config.json", ...podman]);
  expect(loginFiles("docker", { HOME: "/h" })[0]).toBe("/h/.docker/config.json");
});
