/** The command `keys`, and what the others say of encrypted instances, over a real engine process. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signalProcess } from "../../src/base/process-identity.ts";
import { Berth, gone } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;

beforeAll(async () => {
  bundle = await bundleCli();
  berth = await Berth.make({ BERTH_FAKE_NO_KEYCHAIN: "1" }, bundle.cli);
}, 60_000);
afterAll(async () => {
  await berth?.dispose();
  await bundle?.dispose();
}, 60_000);

const FROM_INPUT = ["--passphrase-file", "-"];

test("a host without a keychain: refused with what to do, made by a passphrase, locked, unlocked, rotated", async () => {
  expect(await berth.ok(["keys", "status"])).toBe(
    [
      "Key:            none: berth keys init --passphrase",
      "Instances:      0 encrypted",
      "Keychain:       cannot use the test's keychain: there is none in this test",
      "                Open it.",
      "",
    ].join("\n"),
  );
  const refused = await berth.run(["launch", "--name", "web", "--encrypted"]);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(/launch failed: cannot launch web: the engine's key has no safe place/);
  expect(refused.stderr).toContain("berth keys init --passphrase");
  expect(await berth.ok(["list"])).toContain("No instances found.");

  const homeless = await berth.run(["keys", "init"]);
  expect([homeless.code, homeless.stderr]).toEqual([2, expect.stringContaining("has no safe place")]);
  const short = await berth.run(["keys", "init", ...FROM_INPUT], { input: "short\n" });
  expect([short.code, short.stderr]).toEqual([1, expect.stringContaining("8 characters or more")]);
  const made = await berth.ok(["keys", "init", ...FROM_INPUT], { input: "correct horse\nmore\n" });
  expect(made).toMatch(/^Key: +unlocked\nProtected by: +a passphrase\n/);
  await berth.ok(["launch", "--name", "web", "--encrypted"]);
  expect(await berth.ok(["list"])).toMatch(/^web .*\(encrypted\)$/m);
  expect(await berth.ok(["info", "web"])).toMatch(/^Encrypted: +its disks, .*; not its image/m);
  expect(await berth.json(["info", "web"])).toMatchObject({ info: { web: { berth: { encrypted: true } } } });

  await berth.ok(["stop", "web"]);
  expect(await berth.ok(["keys", "lock"])).toBe("Locked.\n");
  const locked = await berth.run(["start", "web"]);
  expect([locked.code, locked.stderr]).toEqual([2, expect.stringContaining("Unlock it: berth keys unlock")]);
  const wrong = await berth.run(["keys", "unlock", ...FROM_INPUT], { input: "wrong horse" });
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("it is another passphrase")]);
  const silent = await berth.run(["keys", "unlock"]);
  expect(silent.stderr).toContain("there is no terminal to ask on");
  expect(await berth.ok(["keys", "unlock", ...FROM_INPUT], { input: "correct horse" })).toBe("Unlocked.\n");
  expect(await berth.ok(["keys", "rotate", "web"])).toContain("the old one opens its disks no more");
  await berth.ok(["keys", "rotate", ...FROM_INPUT], { input: "correct horse" });
  await berth.ok(["start", "web"]);
  await berth.ok(["keys", "change", ...FROM_INPUT], { input: "battery staple" });
  expect(await berth.json(["keys", "status"])).toMatchObject({
    ...{ state: "unlocked", protection: "passphrase", instances: 1 },
  });

  const exported = await berth.ok(["keys", "export"]);
  expect(exported).toMatch(/^berth-key:[0-9a-f-]{36}:[0-9a-f]{64}:[0-9a-f]{8}\n$/);

  const pid = await berth.enginePid();
  if (pid === undefined) throw new Error("no engine runs");
  signalProcess(pid, "SIGTERM");
  await gone(pid);
  expect(await berth.json(["keys", "status"])).toMatchObject({ state: "locked" });
  // The passphrase is forgotten, but not the key.
  const key = path.join(berth.home, "key");
  await writeFile(key, exported);
  await berth.ok(["keys", "import", key, ...FROM_INPUT], { input: "another staple" });
  await berth.ok(["keys", "lock"]);
  await berth.ok(["keys", "unlock", ...FROM_INPUT], { input: "another staple" });
});

test("a launch says it by the setting, and against it; a container is refused", async () => {
  await berth.ok(["set", "instances.encrypted=true"]);
  await berth.ok(["launch", "--name", "two"]);
  await berth.ok(["launch", "--name", "plain", "--no-encrypted"]);
  const list = await berth.ok(["list"]);
  expect(list).toMatch(/^two .*\(encrypted\)$/m);
  expect(list).not.toMatch(/^plain .*\(encrypted\)$/m);
  await berth.ok(["stop", "plain"]);
  await berth.ok(["clone", "plain", "--name", "three", "--encrypted"]);
  expect(await berth.ok(["list"])).toMatch(/^three .*\(encrypted\)$/m);
  const container = await berth.run(["launch", "docker:nginx", "--name", "box", "--encrypted"]);
  expect(container.stderr).toContain("which does not encrypt it");
  expect(container.stderr).toContain("containers.runtime=vm");
  await berth.ok(["launch", "docker:nginx", "--name", "box"]);
});
