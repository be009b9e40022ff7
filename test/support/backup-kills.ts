/**
 * Engines and QEMUs that are killed with SIGKILL at moments nobody chose, while a guest writes to its disk and is backed up,
 * restored, exported, copied and moved, and its repository pruned: what was acknowledged is there, restic finds no fault, an
 * increment holds what a full read does.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Backup } from "../../src/api/backup.ts";
import { sleep } from "../../src/base/async.ts";
import { signalProcess } from "../../src/base/process-identity.ts";
import { run } from "../../src/base/run.ts";
import { connect } from "../../src/client/connect.ts";
import { Berth, gone } from "./berth.ts";
import { bundleProduct } from "./product-bundle.ts";
import { random } from "./repository-world.ts";
import { isoOf, scribbleProgram } from "./tiny-iso.ts";

/** Within this after its beginning most of what is done has ended. */
const LONGEST_MS = 2_500;
/** More backups than these are forgotten before a prune. */
const KEPT = 4;
const PASSPHRASE = "correct horse\n";
/** How often a backup of what has changed is held against one of all. */
const COMPARED_EVERY = 5;

export type BackupKills = { kills: number; seed: number; tell?: (line: string) => void };

/** What came of it: backups that were acknowledged, increments held against a full read, and kills by what was going on. */
export type BackupToll = { acknowledged: number; compared: number; during: Record<string, number> };

/** Rejects with what was lost or wrong, and at which kill. */
export async function killThroughBackups({ kills, seed, tell }: BackupKills): Promise<BackupToll> {
  const trial = await Trial.make(seed);
  try {
    for (let kill = 1; kill <= kills; kill += 1) {
      await trial.round(kill).catch((error: unknown) => {
        throw new Error(`kill ${kill} of seed ${seed}, ${trial.doing}: ${String(error)}`, { cause: error });
      });
      tell?.(`${kill} kills, the last ${trial.doing}; ${trial.toll.acknowledged} backups acknowledged`);
    }
    return trial.toll;
  } finally {
    await trial.dispose();
  }
}

type Act = "backup" | "prune" | "restore" | "restore in place" | "export" | "copy" | "move";
const ACTS: readonly Act[] = [
  ...(["backup", "backup", "backup", "backup", "prune", "prune"] as const),
  ...(["restore", "restore in place", "export", "copy", "move"] as const),
];
type Victim = "engine" | "QEMU" | "both";
const VICTIMS: readonly Victim[] = ["engine", "engine", "QEMU", "both"];

class Trial {
  readonly #berth: Berth;
  /** Where copies go. */
  readonly #other: Berth;
  readonly #place: string;
  readonly #next: () => number;
  readonly #close: () => Promise<void>;
  #env: Record<string, string> = {};
  /** Acknowledged, and not given up since. */
  readonly #kept = new Set<string>();
  readonly toll: BackupToll = { acknowledged: 0, compared: 0, during: {} };
  doing = "in the beginning";

  private constructor(berths: [Berth, Berth], place: string, seed: number, close: () => Promise<void>) {
    [this.#berth, this.#other] = berths;
    this.#place = place;
    this.#next = random(seed);
    this.#close = close;
  }

  static async make(seed: number): Promise<Trial> {
    const bundle = await bundleProduct();
    const place = await mkdtemp(path.join(tmpdir(), "berth-backup-kills-"));
    const berths: [Berth, Berth] = [await Berth.make({}, bundle.cli), await Berth.make({}, bundle.cli)];
    const trial = new Trial(berths, place, seed, () => bundle.dispose());
    await trial.#begin().catch(async (error: unknown) => {
      await trial.dispose();
      throw error;
    });
    return trial;
  }

  async #begin(): Promise<void> {
    const iso = await isoOf(path.join(this.#place, "scribbler.iso"), scribbleProgram());
    await mkdir(path.join(this.#place, "cache"));
    const size = ["--disk", "512M", "--memory", "128M", "--cpus", "1"];
    await this.#berth.ok(["keys", "init", "--passphrase-file", "-"], { input: PASSPHRASE });
    await this.#berth.ok(["launch", "--iso", iso, "--name", "web", ...size]);
    const made = await this.#berth.ok(["repository", "init", "main", this.#repository]);
    const password = /^Password: +(\S+)$/m.exec(made)?.[1] ?? "";
    this.#env = { RESTIC_PASSWORD: password, RESTIC_CACHE_DIR: path.join(this.#place, "cache") };
  }

  get #repository(): string {
    return path.join(this.#place, "main");
  }

  async dispose(): Promise<void> {
    await Promise.all([this.#berth.dispose(), this.#other.dispose()]);
    await this.#close();
    await rm(this.#place, { recursive: true, force: true });
  }

  async round(kill: number): Promise<void> {
    const backups = await this.#backups();
    const act = backups.length === 0 ? "backup" : this.#oneOf(ACTS);
    const victim = this.#oneOf(VICTIMS);
    this.doing = `of ${victim} in ${act}`;
    this.toll.during[act] = (this.toll.during[act] ?? 0) + 1;
    const argv = await this.#prepare(act, backups);
    const acting = this.#berth.run(argv, { timeoutMs: 120_000 });
    await sleep(this.#next() * LONGEST_MS);
    await this.#kill(
      victim,
      act === "copy" || act === "move" ? this.#oneOf([this.#berth, this.#other]) : this.#berth,
    );
    const { code, stdout } = await acting;
    await this.#settle();
    if (act === "backup" && code === 0) await this.#acknowledge(stdout);
    await this.#verify();
    await this.#clear();
    if (kill % COMPARED_EVERY === 0) await this.#compare();
  }

  #oneOf<T>(values: readonly T[]): T {
    return values[Math.floor(this.#next() * values.length)] as T;
  }

  async #prepare(act: Act, backups: readonly Backup[]): Promise<string[]> {
    const some = backups[Math.floor(this.#next() * backups.length)]?.id.slice(0, 8) ?? "";
    switch (act) {
      case "backup":
        return ["backup", "create", "web"];
      case "prune":
        for (const { id } of backups.slice(0, -KEPT)) {
          this.#kept.delete(id);
          await this.#berth.ok(["backup", "delete", id.slice(0, 8)]);
        }
        return ["repository", "prune", "main"];
      case "restore":
        return ["backup", "restore", some, "--as", "again"];
      case "restore in place":
        await this.#berth.ok(["stop", "--force", "web"]);
        return ["backup", "restore", some, "--in-place"];
      case "export":
        return ["export", "web", path.join(this.#place, "web.berth")];
      case "copy":
        return ["copy", "web", "--to", this.#other.home, "--name", "again", "--yes"];
      case "move":
        await this.#berth.ok(["stop", "--force", "web"]); // It does not hear that it shall.
        return ["move", "web", "--to", this.#other.home, "--name", "again", "--yes"];
    }
  }

  async #kill(victim: Victim, of: Berth): Promise<void> {
    const engine = victim === "QEMU" ? undefined : await of.enginePid();
    const guests = victim === "engine" ? [] : await of.qemuPids();
    const pids = [engine, ...guests].filter((pid) => pid !== undefined);
    for (const pid of pids) signalProcess(pid, "SIGKILL");
    for (const pid of pids) await gone(pid);
  }

  /** The next engine has ended what the dead one began. */
  async #settle(): Promise<void> {
    await this.#berth.run(["keys", "unlock", "--passphrase-file", "-"], { input: PASSPHRASE });
    for (const berth of [this.#berth, this.#other]) {
      await berth.ok(["list"]); // Starts one where none runs.
      const client = await connect({ env: berth.env });
      try {
        const { items } = await client.api.operations.list();
        for (const operation of items)
          if (operation.status === "running") await client.watchOperation(operation).catch(() => {});
      } finally {
        client.dispose();
      }
    }
  }

  async #acknowledge(said: string): Promise<void> {
    const begin = /^Backed up: web \(([0-9a-f]{8})/.exec(said)?.[1] ?? "none";
    const found = (await this.#backups()).find(({ id }) => id.startsWith(begin));
    if (!found) throw new Error(`a backup was acknowledged and is not there: ${said}`);
    this.#kept.add(found.id);
    this.toll.acknowledged += 1;
  }

  /** Nothing that was acknowledged is missing, and restic finds the repository whole. */
  async #verify(): Promise<void> {
    const there = new Set((await this.#backups()).map(({ id }) => id));
    for (const id of this.#kept) if (!there.has(id)) throw new Error(`the backup ${id} is lost`);
    await this.#restic("unlock"); // Of those that are dead alone.
    const said = await this.#restic("check", "--read-data");
    if (!said.includes("no errors were found")) throw new Error(`restic says: ${said}`);
  }

  /** What came of the work is removed, whole as it is, and the guest writes on. */
  async #clear(): Promise<void> {
    const undone = await this.#berth.run(["move", "--undo", "web", "--yes"]);
    if (undone.code !== 0 && !/it is not moved/.test(undone.stderr))
      throw new Error(`the move is not taken back: ${undone.stderr}`);
    for (const berth of [this.#berth, this.#other])
      if ((await names(berth)).includes("again")) await berth.ok(["delete", "--purge", "again"]);
    await rm(path.join(this.#place, "web.berth"), { force: true });
    for (const snapshot of await snapshotsOf(this.#berth, "web"))
      await this.#berth.ok(["delete", "--purge", `web.${snapshot}`]);
    await this.#berth.ok(["start", "web"]);
  }

  /** The guest rests, so that a backup of what has changed and one of all must be the same. */
  async #compare(): Promise<void> {
    await this.#berth.ok(["stop", "--force", "web"]);
    await this.#acknowledge(await this.#berth.ok(["backup", "create", "web"]));
    await this.#acknowledge(await this.#berth.ok(["backup", "create", "web", "--full"]));
    const [increment, full] = (await this.#backups()).slice(-2);
    if (!increment || !full) throw new Error("two backups were made and are not there");
    if ((await this.#sumOf(increment)) !== (await this.#sumOf(full)))
      throw new Error(`the increment ${increment.id} is not what the disk was, as ${full.id} has it`);
    this.toll.compared += 1;
    await this.#berth.ok(["start", "web"]);
  }

  async #sumOf({ id }: Backup): Promise<string> {
    const script = `restic -r "$0" --no-lock dump "$1" /disks/disk.raw | sha256sum`;
    const argv = ["bash", "-o", "pipefail", "-c", script, this.#repository, id];
    return (await run(argv, { env: this.#env })).stdout;
  }

  async #backups(): Promise<Backup[]> {
    return ((await this.#berth.json(["backup", "list"])) as { backups: Backup[] }).backups;
  }

  async #restic(...args: string[]): Promise<string> {
    return (await run(["restic", "-r", this.#repository, ...args], { env: this.#env })).stdout;
  }
}

async function names(berth: Berth): Promise<string[]> {
  return ((await berth.json(["list"])) as { list: { name: string }[] }).list.map(({ name }) => name);
}

async function snapshotsOf(berth: Berth, name: string): Promise<string[]> {
  const { info } = (await berth.json(["list", "--snapshots"])) as { info?: Record<string, object> };
  return Object.keys(info?.[name] ?? {});
}
