import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EngineError } from "../../../src/base/errors.ts";
import { Secret } from "../../../src/base/secret.ts";
import { openLog } from "../../../src/engine/log-file.ts";

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-log-"));
  file = path.join(directory, "engine.log");
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

const lines = async (from = file) => (await readFile(from, "utf8")).trimEnd().split("\n");
const records = async () => (await lines()).map((line) => JSON.parse(line) as Record<string, unknown>);

test("one line of JSON per record, by level, for this user only", async () => {
  const log = openLog({ file, level: "info" });
  log.info("begin", { a: 1 });
  log.debug("not this");
  log.with({ instance: "web" }).warn("two\nlines", { n: 2n });
  log.setLevel("debug");
  log.debug("now this");
  await log.close();
  log.error("after the end");
  expect(await records()).toMatchObject([
    { level: "info", message: "begin", a: 1 },
    { level: "warn", message: "two\nlines", instance: "web", n: "2" },
    { level: "debug", message: "now this" },
  ]);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test("secrets never reach the file: by type, by key, by their look, inside errors", async () => {
  const log = openLog({ file, level: "debug" });
  const key = "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n-----END OPENSSH PRIVATE KEY-----";
  const secret = new Secret("canary");
  log.info(`key ${key} end`, {
    secret,
    text: `${secret}`,
    nested: [{ login: { privateKey: "canary", publicKey: "shown" } }, { userData: "canary" }],
    password: "canary",
    apiToken: "canary",
    passphrase: "canary",
    error: new EngineError("internal", `cannot read ${key}`, { cause: new Error(key) }),
  });
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  log.info("a loop", { loop });
  await log.close();
  const text = await readFile(file, "utf8");
  expect(text).not.toContain("canary");
  expect(text).toContain("shown");
  expect((await records())[0]?.["message"]).toBe("key *** end");
  expect(String(secret)).toBe("***");
  expect(JSON.stringify({ secret })).toBe('{"secret":"***"}');
  expect(secret.reveal()).toBe("canary");
});

test("a grown file is moved aside once, and no record is lost in between", async () => {
  const log = openLog({ file, level: "info", rotateAtBytes: 1000 });
  for (let i = 0; i < 15; i += 1) log.info(`record ${i}`);
  await expect.poll(async () => (await stat(`${file}.1`).catch(() => undefined)) !== undefined).toBe(true);
  await expect.poll(async () => (await stat(file).catch(() => undefined)) !== undefined).toBe(true);
  log.info("afterwards");
  await log.close();
  const all = [...(await lines(`${file}.1`)), ...(await lines())];
  expect(all).toHaveLength(16);
  expect(all.at(-1)).toContain("afterwards");
});
