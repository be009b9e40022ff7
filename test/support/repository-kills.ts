/** A process that backs up, forgets and prunes is killed with SIGKILL at moments nobody chose; what it said holds. */
import path from "node:path";
import { createInterface } from "node:readline";
import { sleep } from "../../src/base/async.ts";
import { startChild } from "../../src/base/run.ts";
import { ctx, RepositoryWorld, random, restored, sumOf } from "./repository-world.ts";

const PROGRAM = path.resolve(import.meta.dirname, "busy-repository.ts");

/** Within this after its start a process has backed up, forgotten and pruned several times. */
const LONGEST_MS = 1500;

export type Kills = {
  kills: number;
  seed: number;
  /** After how many kills restic reads every byte; it does so after the last one, too. */
  resticEvery: number;
  tell?: (line: string) => void;
};

/** Resolves with how many backups were acknowledged in all; rejects with what was lost. */
export async function killRepeatedly({ kills, seed, resticEvery, tell }: Kills): Promise<number> {
  const world = await RepositoryWorld.make();
  const next = random(seed);
  const kept = new Map<string, string>();
  let acknowledged = 0;
  try {
    await world.init();
    for (let kill = 1; kill <= kills; kill++) {
      const before = new Set(kept.keys());
      await workAndDie(world.place.name, seed + kill, next() * LONGEST_MS, kept);
      const fresh = [...kept.keys()].filter((id) => !before.has(id));
      acknowledged += fresh.length;
      await verify(world, kept, fresh);
      if (kill % resticEvery === 0 || kill === kills) await world.resticIsContent();
      tell?.(`${kill} kills, ${acknowledged} backups acknowledged, ${kept.size} kept`);
    }
    return acknowledged;
  } finally {
    await world.dispose();
  }
}

/** Every backup that was acknowledged and not given up is there, and each new one is what it was. */
async function verify(
  world: RepositoryWorld,
  kept: ReadonlyMap<string, string>,
  fresh: string[],
): Promise<void> {
  const repository = await world.open();
  const { problems } = await repository.check(ctx());
  if (problems.length > 0) throw new Error(`the repository is damaged: ${JSON.stringify(problems)}`);
  const { snapshots } = await repository.snapshots(ctx());
  await using reader = await repository.read(ctx());
  for (const [id, sum] of kept) {
    const snapshot = snapshots.find((each) => each.id === id);
    if (!snapshot) throw new Error(`the backup ${id} was acknowledged and is gone`);
    if (fresh.includes(id) && sumOf(await restored(reader, snapshot)) !== sum)
      throw new Error(`the backup ${id} is not what it was`);
  }
}

async function workAndDie(root: string, seed: number, ms: number, kept: Map<string, string>): Promise<void> {
  const child = startChild([process.execPath, "--no-warnings", PROGRAM, root, String(seed)]);
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString("utf8");
  });
  const lines = createInterface({ input: child.stdout });
  const ready = new Promise<void>((resolve) => {
    lines.on("line", (line) => {
      const [word, id = "", sum = ""] = line.split(" ");
      if (word === "ready") resolve();
      if (word === "kept") kept.set(id, sum);
      if (word === "forgetting") kept.delete(id);
    });
  });
  const died = child.exited.then(({ code, signal }) => {
    if (signal !== "SIGKILL") throw new Error(`the process ended by itself with ${code}: ${errors}`);
  });
  await Promise.race([ready, died]);
  await sleep(ms);
  child.kill("SIGKILL");
  await died;
}
