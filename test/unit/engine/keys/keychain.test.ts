/** Each platform's keychain, over programs that stand for its own: a secret goes through pipes and is no argument. */
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Secret } from "../../../../src/base/secret.ts";
import { osKeychain } from "../../../../src/engine/keys/keychain.ts";

let directory: string;
const PATH = process.env["PATH"];

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-keychain-"));
  process.env["PATH"] = `${directory}${path.delimiter}${PATH}`;
});
afterEach(async () => {
  process.env["PATH"] = PATH;
  await rm(directory, { recursive: true, force: true });
});

async function program(name: string, script: string): Promise<void> {
  const file = path.join(directory, name);
  const log = path.join(directory, "argv");
  await writeFile(file, `#!/bin/sh\nprintf '%s\\n' "$*" >> '${log}'\ncd '${directory}'\n${script}`);
  await chmod(file, 0o755);
}

const argv = () => readFile(path.join(directory, "argv"), "utf8");

/** Keeps each secret in a file that is named by its account. */
const SECRET_TOOL = `
for last; do :; done
case "$1" in
  lookup) [ -e "kept-$last" ] || exit 1; cat "kept-$last" ;;
  store) cat > "kept-$last" ;;
  clear) rm -f "kept-$last" ;;
esac`;

/** Reads a command from its input with -i; else it is in its arguments. */
const SECURITY = `
if [ "$1" = -i ]; then
  read -r line
  account=$(printf '%s' "$line" | sed 's/.* -a \\([^ ]*\\).*/\\1/')
  printf '%s' "$line" | sed 's/.* -w //' > "kept-$account"
  exit 0
fi
case "$1" in
  find-generic-password) [ -e "kept-$5" ] || exit 44; cat "kept-$5"; echo ;;
  delete-generic-password) [ -e "kept-$5" ] || exit 44; rm "kept-$5" ;;
esac`;

/** Seals by base64 once more. */
const POWERSHELL = `
text=$(cat)
[ -z "$text" ] && exit 0
case "$*" in
  *::Protect*) printf 'sealed:%s' "$text" | base64 -w0 ;;
  *::Unprotect*) printf '%s' "$text" | base64 -d | sed 's/^sealed://' | base64 -d ;;
esac`;

test.each([
  ["linux", "secret-tool", SECRET_TOOL, "the Secret Service"],
  ["darwin", "security", SECURITY, "the login keychain"],
  ["win32", "powershell.exe", POWERSHELL, "Windows' data protection"],
] as const)("%s: a secret is kept, read, replaced and removed", async (platform, name, script, called) => {
  await program(name, script);
  const keychain = osKeychain(platform, path.join(directory, "keys"));
  const signal = AbortSignal.timeout(20_000);
  expect(keychain.name).toBe(called);
  expect(await keychain.read("one", signal)).toBeUndefined();
  await keychain.write("one", new Secret("a1b2c3canary"), signal);
  await keychain.write("two", new Secret("other"), signal);
  expect((await keychain.read("one", signal))?.reveal()).toBe("a1b2c3canary");
  await keychain.write("one", new Secret("d4e5f6canary"), signal);
  expect((await keychain.read("one", signal))?.reveal()).toBe("d4e5f6canary");
  await keychain.remove("one", signal);
  await keychain.remove("one", signal);
  expect(await keychain.read("one", signal)).toBeUndefined();
  expect((await keychain.read("two", signal))?.reveal()).toBe("other");
  expect(await argv()).not.toContain("canary");
});

test("one that is not installed, or does not answer, says so and what to do", async () => {
  process.env["PATH"] = directory;
  const keychain = osKeychain("linux", directory);
  await expect(keychain.read("one", AbortSignal.timeout(5_000))).rejects.toMatchObject({
    code: "missing-dependency",
    message: "cannot use the Secret Service: secret-tool is not installed",
    hint: expect.stringContaining("libsecret-tools"),
  });
  process.env["PATH"] = `${directory}${path.delimiter}${PATH}`;
  await program(
    "secret-tool",
    "echo 'secret-tool: Cannot autolaunch D-Bus without X11 $DISPLAY' >&2\nexit 1\n",
  );
  for (const work of [
    () => keychain.read("one", AbortSignal.timeout(5_000)),
    () => keychain.write("one", new Secret("canary"), AbortSignal.timeout(5_000)),
    () => keychain.remove("one", AbortSignal.timeout(5_000)),
  ])
    await expect(work()).rejects.toThrow(/^cannot use the Secret Service: .*D-Bus/);
});

test("one that asks for ever is waited for until the deadline", async () => {
  await program("secret-tool", "exec sleep 60\n");
  const reading = osKeychain("linux", directory).read("one", AbortSignal.timeout(200));
  await expect(reading).rejects.toMatchObject({ name: "TimeoutError" });
});
