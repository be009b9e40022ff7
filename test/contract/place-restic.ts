/** A place that restic itself writes to, and a place of ours that restic reads: the same files at the same names. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../src/base/run.ts";
import { FILE_KINDS, type Place } from "../../src/engine/backup/places/place.ts";
import { ctx } from "./driver.ts";
import { fileOf, listed } from "./place.ts";

export type ResticPlace = {
  /** The place at this path of the server. */
  open(at: string): Place;
  /** How restic is told of it. */
  restic(at: string): { argv: string[]; env?: Record<string, string> };
  dispose(): Promise<void>;
};

export function describeRestic(name: string, makeServed: () => Promise<ResticPlace>): void {
  describe(`the place ${name}, shared with restic,`, () => {
    let served: ResticPlace;
    let directory: string;

    beforeAll(async () => {
      served = await makeServed();
      directory = await mkdtemp(path.join(tmpdir(), "berth-restic-"));
      await mkdir(path.join(directory, "files"));
      for (let at = 0; at < 20; at += 1)
        await writeFile(path.join(directory, "files", `${at}`), `file ${at}\n`.repeat(at * 5000));
    });
    afterAll(async () => {
      await rm(directory, { recursive: true, force: true });
      await served?.dispose();
    });

    const restic = (at: string, ...args: string[]) => {
      const { argv, env } = served.restic(at);
      const own = { RESTIC_PASSWORD: "harbour", RESTIC_CACHE_DIR: path.join(directory, "cache") };
      return run(["restic", ...argv, ...args], { env: { ...own, ...env } });
    };

    test("has what restic put there, and what it copies is a repository to restic", {
      timeout: 120_000,
    }, async () => {
      await restic("first", "init");
      await restic("first", "backup", path.join(directory, "files"));
      const first = served.open("first");
      const second = served.open("second");
      await second.create(ctx());
      let copied = 0;
      for (const kind of FILE_KINDS) {
        for (const [fileName, size] of await listed(first, kind)) {
          const bytes = await first.load(ctx(), { kind, name: fileName });
          expect(bytes.length).toBe(size);
          expect(fileOf(kind, bytes).name).toBe(fileName);
          await second.save(ctx(), { kind, name: fileName }, bytes);
          copied += 1;
        }
      }
      expect(copied).toBeGreaterThanOrEqual(4);
      const config = { kind: "config", name: "" } as const;
      await second.save(ctx(), config, await first.load(ctx(), config));
      const { stdout } = await restic("second", "check", "--read-data");
      expect(stdout).toContain("no errors were found");
      first.dispose();
      second.dispose();
    });

    test("is not taken for another's repository", async () => {
      await restic("third", "init");
      const third = served.open("third");
      await third.create(ctx());
      const config = { kind: "config", name: "" } as const;
      await expect(third.save(ctx(), config, Buffer.from("ours"))).rejects.toMatchObject({
        code: "already-exists",
      });
      await restic("third", "check");
      third.dispose();
    });
  });
}
