/** Whether data may be moved to a directory. Everything is looked at before anything is journaled. */
import { lstat, mkdir, readdir, realpath, rm, rmdir, stat, statfs } from "node:fs/promises";
import path from "node:path";
import type { Stored } from "../../api/storage.ts";
import { exists, moveDurable, writeFileDurable } from "../../base/durable.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { hostPlatform } from "../../base/paths.ts";
import { formatBytes } from "../../base/units.ts";
import { bytesIn } from "./copy-tree.ts";
import { type Locations, markerIn, type Place, readMarker } from "./locations.ts";

/** What is left free beyond what is moved. */
const SPARE_BYTES = 64 * 2 ** 20;

/**
 * The place as it will be written down, and whether the move has to make its directory. Throws where it must not be
 * taken; leaves nothing there.
 */
export async function checkPlace(
  locations: Locations,
  what: readonly Stored[],
  wanted: Place,
): Promise<{ place: Place; makes: boolean }> {
  if (wanted === undefined) {
    for (const one of what) await refuseFilled(locations.directoryAt(one, undefined), one);
    await checkRoom(locations, what, locations.owner);
    return { place: undefined, makes: false };
  }
  if (!path.isAbsolute(wanted)) throw refused(wanted, "it is not an absolute path");
  if (/[\n\r\0]/.test(wanted)) throw refused(wanted, "its name holds a line break");
  const makes = !(await exists(wanted));
  const place = makes ? path.join(await parentOf(wanted), path.basename(wanted)) : await realpath(wanted);
  await refuseOwn(locations, place);
  if (makes)
    await mkdir(place, { mode: 0o700 }).catch((error: unknown) => Promise.reject(refusedBy(place, error)));
  try {
    await checkDirectory(locations, what, place);
    await tryOut(place);
    await checkRoom(locations, what, place);
  } finally {
    if (makes) await rmdir(place);
  }
  return { place, makes };
}

async function parentOf(wanted: string): Promise<string> {
  const parent = path.dirname(path.resolve(wanted));
  try {
    return await realpath(parent);
  } catch {
    throw refused(wanted, `${parent} does not exist`, "Make it first, or mount its disk.");
  }
}

/** Nothing may be moved into what is moved, nor among the engine's own files. */
async function refuseOwn(locations: Locations, place: string): Promise<void> {
  const own = [locations.owner, locations.instances, locations.trash, locations.images];
  for (const directory of own) {
    const real = await realpath(directory).catch(() => directory);
    if (isWithin(place, real)) throw refused(place, `it lies in ${directory}, which is Berth's own`);
  }
}

/** By path components, never by a prefix of the text. Pure. */
export function isWithin(file: string, directory: string): boolean {
  const relative = path.relative(directory, file);
  return (
    relative === "" ||
    !(relative === ".." || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative))
  );
}

async function checkDirectory(locations: Locations, what: readonly Stored[], place: string): Promise<void> {
  const facts = await stat(place);
  if (!facts.isDirectory()) throw refused(place, "it is not a directory");
  if (hostPlatform() !== "win32" && (facts.mode & 0o022) !== 0)
    throw refused(place, "others may write to it", `Take that right away: chmod go-w ${place}`);
  const marker = await readMarker(place);
  if (marker && marker.owner !== locations.owner) {
    throw refused(place, `the Berth of ${marker.owner} keeps its data there`, "Choose another directory.");
  }
  if (!marker) return refuseFilled(place);
  for (const one of what) await refuseFilled(path.join(place, one), one);
}

async function refuseFilled(directory: string, what?: Stored): Promise<void> {
  const names = await readdir(directory).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw refusedBy(directory, error);
  });
  // What a disk's own filesystem keeps at its root is nobody's.
  const [foreign] = names.filter((name) => name !== "lost+found");
  if (foreign === undefined) return;
  const reason = what ? `there are ${what} already` : `it is not empty: it holds ${foreign}`;
  throw refused(directory, reason, "Choose an empty directory, or one that does not exist yet.");
}

/** Writes, syncs and renames as the engine will, and looks whether others could read it. */
async function tryOut(place: string): Promise<void> {
  const probe = path.join(place, ".berth-probe");
  const made = [probe, `${probe}.moved`];
  try {
    await mkdir(`${probe}.d`, { mode: 0o700 });
    await writeFileDurable(probe, "probe", 0o600);
    await moveDurable(probe, `${probe}.moved`);
    const modes = [(await lstat(`${probe}.d`)).mode, (await lstat(`${probe}.moved`)).mode];
    if (hostPlatform() !== "win32" && modes.some((mode) => (mode & 0o077) !== 0)) {
      throw refused(place, "its filesystem does not keep others from reading keys and disks");
    }
  } catch (error) {
    throw error instanceof EngineError ? error : refusedBy(place, error);
  } finally {
    for (const file of made) await rm(file, { force: true }).catch(() => {});
    await rmdir(`${probe}.d`).catch(() => {});
  }
}

/** Where links do, no room is needed. */
async function checkRoom(locations: Locations, what: readonly Stored[], place: string): Promise<void> {
  const { dev } = await stat(place);
  let needed = 0;
  for (const one of what) {
    const directory = locations.directoryAt(one, locations.placeOf(one));
    if ((await exists(directory)) && (await stat(directory)).dev !== dev) needed += await bytesIn(directory);
  }
  if (needed === 0) return;
  const { bavail, bsize } = await statfs(place);
  const free = bavail * bsize;
  if (free >= needed + SPARE_BYTES) return;
  throw new EngineError(
    "no-resources",
    `cannot move to ${place}: ${formatBytes(needed)} are needed, and ${formatBytes(free)} are free there`,
    { hint: "Free some room there, purge what is in the trash, or prune unused images: berth image prune" },
  );
}

/** Takes the directory: from here on it is ours. Idempotent. */
export async function claim(
  locations: Locations,
  place: string,
  { operation, makes }: { operation: string; makes: boolean },
): Promise<void> {
  await mkdir(place, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  if (!(await locations.markerAt(place))) await locations.mark(place, operation, makes);
}

/** Lets a place go of which nothing is used any more; what is not ours stays, and so does a directory of the user's. */
export async function release(locations: Locations, place: string): Promise<void> {
  const marker = await locations.markerAt(place);
  if (!marker) return;
  await rm(markerIn(place), { force: true });
  if (marker.made) await rmdir(place).catch(() => {});
}

function refused(place: string, reason: string, hint?: string): EngineError {
  return new EngineError("invalid-argument", `cannot move to ${place}: ${reason}`, { hint });
}

function refusedBy(place: string, error: unknown): EngineError {
  return refused(place, messageOf(error), "Choose a directory on a local disk that this user may write to.");
}
