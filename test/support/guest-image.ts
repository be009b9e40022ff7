/**
 * The real guest image of the tests, built by the product's own code once and kept outside the checkout, keyed by its
 * recipe. Safe against several processes that want it at once.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { exists, moveDurable, writeFileDurable } from "../../src/base/durable.ts";
import { hostArch, hostPlatform } from "../../src/base/paths.ts";
import { identify, type ProcessIdentity, sameProcess } from "../../src/base/process-identity.ts";
import type { Ctx } from "../../src/engine/ctx.ts";
import { buildImage } from "../../src/engine/images/build.ts";
import { type Recipe, recipeFor, recipeHash } from "../../src/engine/images/recipes.ts";
import { silentLog } from "../../src/engine/log.ts";

export type TestImage = { path: string; sha256: string; sizeBytes: number; user: string };

/** Where tests keep what is slow to make, across checkouts. */
export function testCache(env: NodeJS.ProcessEnv = process.env): string {
  const cache = env["XDG_CACHE_HOME"] || path.join(env["HOME"] || homedir(), ".cache");
  return env["BERTH_TEST_CACHE"] || path.join(cache, "berth-test");
}

const ready = new Map<string, Promise<TestImage>>();

/** Debian 12 as a qcow2, or another recipe's image; takes one to two minutes the first time, nothing later. */
export function testImage(recipe = recipeFor("debian:12", hostArch(), hostArch())): Promise<TestImage> {
  const key = recipeHash(recipe);
  const made = ready.get(key) ?? makeTestImage(recipe);
  ready.set(key, made);
  return made;
}

async function makeTestImage(recipe: Recipe): Promise<TestImage> {
  const folder = testCache();
  await mkdir(folder, { recursive: true });
  const image = path.join(folder, `debian-12-${recipeHash(recipe).slice(0, 16)}.qcow2`);
  const described = async () => ({
    path: image,
    sha256: (await readFile(`${image}.sha256`, "utf8")).trim(),
    sizeBytes: (await stat(image)).size,
    user: recipe.user,
  });
  if (await exists(`${image}.sha256`)) return described();
  const unlock = await lock(`${image}.lock`);
  try {
    if (await exists(`${image}.sha256`)) return await described();
    const temporary = `${image}.${process.pid}.tmp`;
    await buildImage(ctx(), {
      recipe,
      output: temporary,
      workDirectory: path.join(folder, `build-${process.pid}`),
      platform: hostPlatform(),
    });
    const sha256 = await sha256Of(temporary);
    await moveDurable(temporary, image);
    await writeFileDurable(`${image}.sha256`, `${sha256}\n`);
    return await described();
  } finally {
    await unlock();
  }
}

const ctx = (): Ctx => ({ signal: AbortSignal.timeout(900_000), progress: () => {}, log: silentLog });

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Holds a lock file with the holder's identity; one whose holder is gone is taken over. */
async function lock(file: string): Promise<() => Promise<void>> {
  const me = await identify(process.pid);
  for (;;) {
    try {
      const handle = await open(file, "wx");
      await handle.writeFile(JSON.stringify(me)).finally(() => handle.close());
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const text = await readFile(file, "utf8").catch(() => "");
    const abandoned =
      text === "" ? await isOld(file) : !(await isHeldBy(JSON.parse(text) as ProcessIdentity));
    if (abandoned) await rm(file, { force: true });
    await delay(200);
  }
}

const isHeldBy = async (holder: ProcessIdentity): Promise<boolean> =>
  sameProcess(holder, await identify(holder.pid));

/** A holder that died before it wrote its name. */
async function isOld(file: string): Promise<boolean> {
  const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Date.now() }));
  return Date.now() - mtimeMs > 5000;
}
