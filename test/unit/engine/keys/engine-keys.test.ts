/** The engine's key: where it lies, who opens it, and that it is nowhere in plain text. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Secret } from "../../../../src/base/secret.ts";
import { EngineKeys } from "../../../../src/engine/keys/engine-keys.ts";
import { type InstanceKeyRecord, InstanceKeys } from "../../../../src/engine/keys/instance-keys.ts";
import type { Sealed } from "../../../../src/engine/keys/key-record.ts";
import { FakeKeychain } from "../../../support/fake-keychain.ts";

let directory: string;
let keychain: FakeKeychain;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-keys-"));
  keychain = new FakeKeychain();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** As a new engine has it. */
const keys = () => new EngineKeys({ directory, keychain, now: () => new Date("2026-11-30T10:00:00Z") });
const seal = (own: EngineKeys, text: string) => own.seal("web", new Secret(text), "encrypt web");
const open = async (own: EngineKeys, sealed: Sealed, boundTo = "web") =>
  (await own.unseal(boundTo, sealed, "open web")).reveal();

test("the first secret makes the key, in the keychain; the next engine reads it there", async () => {
  const first = keys();
  expect(await first.status()).toMatchObject({ state: "none" });
  const sealed = await seal(first, "canary");
  expect(await first.status()).toMatchObject({ state: "unlocked", protection: "keychain" });
  expect(first.held).toBe(false);
  expect(await open(keys(), sealed)).toBe("canary");
  await expect(open(keys(), sealed, "db")).rejects.toMatchObject({ code: "wrong-state" });
  const [kept = ""] = [...keychain.kept.values()].map((one) => one.reveal());
  expect(kept).toMatch(/^[0-9a-f]{64}$/);
  for (const file of await readdir(directory))
    expect(await readFile(path.join(directory, file), "latin1")).not.toContain(kept);
});

test("without a keychain nothing is sealed and nothing is written", async () => {
  keychain.problem = "there is no D-Bus";
  const own = keys();
  const refused = {
    code: "missing-dependency",
    message: expect.stringContaining("the engine's key has no safe place"),
    hint: expect.stringContaining("berth keys init --passphrase"),
  };
  await expect(seal(own, "canary")).rejects.toMatchObject(refused);
  expect(await own.refusal()).toMatchObject({ code: "missing-dependency", details: { keys: "none" } });
  expect(await own.status()).toMatchObject({ state: "none", keychain: { problem: expect.any(String) } });
  expect(await readdir(directory)).toEqual([]);
});

test("a keychain that gives back something else is not trusted", async () => {
  keychain.write = async (account) => void keychain.kept.set(account, new Secret("00".repeat(32)));
  await expect(seal(keys(), "canary")).rejects.toThrow("gives back another than it was given");
  expect(await keys().status()).toMatchObject({ state: "none" });
});

test("under a passphrase it is locked until that is given, and held while it is open", async () => {
  keychain.problem = "none";
  const first = keys();
  await first.init("correct horse");
  expect(first.held).toBe(true);
  const sealed = await seal(first, "canary");
  await expect(first.init("another one")).rejects.toMatchObject({ code: "already-exists" });

  const second = keys();
  expect(await second.status()).toMatchObject({ state: "locked", protection: "passphrase" });
  const locked = { code: "wrong-state", details: { keys: "locked" }, hint: "Unlock it: berth keys unlock" };
  await expect(open(second, sealed)).rejects.toMatchObject(locked);
  await expect(seal(second, "more")).rejects.toMatchObject(locked);
  expect(await second.refusal()).toMatchObject({ details: { keys: "locked" } });
  await expect(second.unlock(undefined)).rejects.toMatchObject({ details: { keys: "passphrase" } });
  await expect(second.unlock("wrong horse")).rejects.toMatchObject({ code: "permission-denied" });
  await second.unlock("correct horse");
  expect(await open(second, sealed)).toBe("canary");
  expect(await second.refusal()).toBeUndefined();

  await second.lock();
  expect(second.held).toBe(false);
  await expect(open(second, sealed)).rejects.toMatchObject(locked);
});

test("what is locked stays so, although the keychain would give it", async () => {
  const own = keys();
  const sealed = await seal(own, "canary");
  await own.lock();
  await expect(open(keys(), sealed)).rejects.toMatchObject({ details: { keys: "locked" } });
  const next = keys();
  await next.unlock(undefined);
  expect(await open(next, sealed)).toBe("canary");
  expect(await open(keys(), sealed)).toBe("canary");
});

test("a keychain that has lost the key, and a record that is gone or damaged, are told", async () => {
  const sealed = await seal(keys(), "canary");
  const [id = ""] = keychain.kept.keys();
  const kept = keychain.kept.get(id);
  keychain.kept.clear();
  await expect(open(keys(), sealed)).rejects.toThrow("does not have it");
  if (kept) keychain.kept.set(id, kept);
  const file = path.join(directory, "engine-key.json");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.slice(0, 40));
  await expect(open(keys(), sealed)).rejects.toThrow("engine-key.json is damaged");
  await expect(seal(keys(), "more")).rejects.toThrow("engine-key.json is damaged");
  await rm(file);
  await expect(open(keys(), sealed)).rejects.toThrow("the engine's key is gone");
});

test("its protection changes, and the one before opens it no more", async () => {
  const own = keys();
  const sealed = await seal(own, "canary");
  await own.change("correct horse");
  expect(keychain.kept.size).toBe(0);
  const second = keys();
  await second.unlock("correct horse");
  await second.change("battery staple");
  await expect(keys().unlock("correct horse")).rejects.toMatchObject({ code: "permission-denied" });
  await second.change(undefined);
  expect(await open(keys(), sealed)).toBe("canary");
  expect(await keys().status()).toMatchObject({ state: "unlocked", protection: "keychain" });
});

test("what was exported brings it back, whatever else is lost; a slip of the pen is told", async () => {
  const own = keys();
  const sealed = await seal(own, "canary");
  const text = (await own.export()).reveal();
  keychain.kept.clear();
  const second = keys();
  await second.import(`  ${text.toUpperCase()}\n`, undefined);
  expect(await open(keys(), sealed)).toBe("canary");
  await rm(path.join(directory, "engine-key.json"));
  const third = keys();
  await third.import(text, "correct horse");
  expect(await open(third, sealed)).toBe("canary");
  await third.lock();
  await expect(third.export()).rejects.toMatchObject({ details: { keys: "locked" } });

  for (const wrong of ["", "hello", text.slice(0, -1), text.replace(/.(?=:[^:]*$)/, "0g"), flip(text, 60)])
    await expect(keys().import(wrong, undefined)).rejects.toMatchObject({ code: "invalid-argument" });
  await rm(path.join(directory, "engine-key.json"));
  const other = keys();
  await other.init(undefined);
  await expect(other.import(text, undefined)).rejects.toMatchObject({ code: "already-exists" });
});

const flip = (text: string, at: number) =>
  `${text.slice(0, at)}${text[at] === "0" ? "1" : "0"}${text.slice(at + 1)}`;

/** What instances keep, by their ids. */
class Files {
  readonly kept = new Map<string, InstanceKeyRecord>();
  failing = 0;

  async readKey(id: string): Promise<InstanceKeyRecord | undefined> {
    return this.kept.get(id);
  }

  async writeKey(id: string, record: InstanceKeyRecord): Promise<void> {
    this.failing -= 1;
    if (this.failing === 0) throw new Error("no room");
    this.kept.set(id, structuredClone(record));
  }
}

test.each(["keychain", "passphrase"] as const)(
  "rotated under a %s: everything opens by the new one alone",
  async (how) => {
    const passphrase = how === "passphrase" ? "correct horse" : undefined;
    const own = keys();
    await own.init(passphrase);
    const files = new Files();
    const instances = new InstanceKeys(own, files);
    for (const id of ["a", "b"]) await instances.make({ id, name: id });
    const before = await Promise.all(
      ["a", "b"].map(async (id) => (await instances.open({ id, name: id })).reveal()),
    );
    const old = structuredClone(files.kept.get("a")?.key);
    const reseal = instances.resealing(() => ["a", "b", "absent"]);

    if (passphrase !== undefined)
      await expect(own.rotate("wrong horse", reseal)).rejects.toMatchObject({ code: "permission-denied" });
    await own.rotate(passphrase, reseal);
    const next = keys();
    if (passphrase !== undefined) await next.unlock(passphrase);
    const after = new InstanceKeys(next, files);
    expect(
      await Promise.all(["a", "b"].map(async (id) => (await after.open({ id, name: id })).reveal())),
    ).toEqual(before);
    expect(files.kept.get("a")?.key.by).not.toBe(old?.by);
    if (old) await expect(open(next, old, "a")).rejects.toThrow("sealed by another engine's key");
    expect(keychain.kept.size).toBe(passphrase === undefined ? 1 : 0);
  },
);

test("a rotation that failed, twice, loses nothing, and comes to its end", async () => {
  const own = keys();
  const files = new Files();
  const instances = new InstanceKeys(own, files);
  for (const id of ["a", "b"]) await instances.make({ id, name: id });
  const read = async (from: EngineKeys) => {
    const all = new InstanceKeys(from, files);
    return Promise.all(["a", "b"].map(async (id) => (await all.open({ id, name: id })).reveal()));
  };
  const before = await read(own);
  const reseal = instances.resealing(() => ["a", "b"]);
  files.failing = 2;
  await expect(own.rotate(undefined, reseal)).rejects.toThrow("no room");
  expect(await read(keys())).toEqual(before);
  files.failing = 1;
  await expect(own.rotate(undefined, reseal)).rejects.toThrow("no room");
  expect(await read(keys())).toEqual(before);
  const next = keys();
  await next.finishRotation(new InstanceKeys(next, files).resealing(() => ["a", "b"]));
  expect(await read(next)).toEqual(before);
  expect(new Set([...files.kept.values()].map(({ key }) => key.by)).size).toBe(1);
  expect(await readFile(path.join(directory, "engine-key.json"), "utf8")).toContain('"former":[]');
});

test("a key of an instance is rotated in steps, each of which may be the last for a while", async () => {
  const own = keys();
  const files = new Files();
  const instances = new InstanceKeys(own, files);
  const web = { id: "web", name: "web" };
  await instances.make(web);
  await instances.make(web);
  const slots = new Set([(await instances.open(web)).reveal()]);
  const first = [...slots][0];
  const steps = (fails: "add" | "remove" | undefined) => ({
    add: async (key: Secret, added: Secret) => {
      expect(slots.has(key.reveal())).toBe(true);
      slots.add(added.reveal());
      if (fails === "add") throw new Error("add failed");
    },
    remove: async (key: Secret, removed: Secret) => {
      expect(slots.has(key.reveal())).toBe(true);
      expect(key.reveal()).not.toBe(removed.reveal());
      if (fails === "remove") throw new Error("remove failed");
      slots.delete(removed.reveal());
    },
  });
  await expect(instances.rotate(web, steps("add"))).rejects.toThrow("add failed");
  expect((await instances.open(web)).reveal()).toBe(first);
  await expect(instances.rotate(web, steps("remove"))).rejects.toThrow("remove failed");
  const second = (await instances.open(web)).reveal();
  expect(second).not.toBe(first);
  expect(slots).toEqual(new Set([first, second]));
  await instances.rotate(web, steps(undefined));
  const third = (await instances.open(web)).reveal();
  expect(slots).toEqual(new Set([third]));
});
