/**
 * The only module that calls fsync and rename. A file written here is, after a crash at any point, either the old
 * one or the new one, whole; a directory moved here is in one place or the other.
 */
import { constants, createWriteStream } from "node:fs";
import { access, chmod, copyFile, mkdir, open, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";

/** Creates a directory (and its parents) that only this user may enter. */
export async function privateDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
}

/** temp → write → fsync → rename → fsync directory. */
export async function writeFileDurable(
  file: string,
  data: string | Uint8Array,
  mode = 0o600,
  options: { exactly?: boolean } = {},
): Promise<void> {
  await replacing(file, async (temporary) => {
    const handle = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
    try {
      if (options.exactly) await handle.chmod(mode);
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** Adds to the end of a file, which is made where there is none. */
export async function appendFileDurable(file: string, data: string, mode = 0o600): Promise<void> {
  const handle = await open(file, "a", mode);
  try {
    const isNew = (await handle.stat()).size === 0;
    await handle.writeFile(data);
    await handle.sync();
    if (isNew) await syncDirectory(path.dirname(file));
  } finally {
    await handle.close();
  }
}

/** A copy that takes its place when it is whole: the file there is the old one or the new one. */
export async function copyFileDurable(from: string, to: string, mode: number): Promise<void> {
  await replacing(to, async (temporary) => {
    await copyFile(from, temporary, constants.COPYFILE_EXCL);
    await chmod(temporary, mode | 0o200);
    await syncFile(temporary);
    await chmod(temporary, mode);
  });
}

/** All that comes; the file is there when it is whole, and replaces what was there. */
export async function streamFileDurable(
  file: string,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  mode = 0o600,
): Promise<void> {
  await replacing(file, async (temporary) => {
    await pipeline(source, createWriteStream(temporary, { mode, flags: "wx" }), { signal });
    await syncFile(temporary);
  });
}

/** A symbolic link in the place of whatever file is there. */
export async function linkDurable(target: string, to: string): Promise<void> {
  await replacing(to, (temporary) => symlink(target, temporary));
}

async function replacing(file: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${file}.${crypto.randomUUID()}.tmp`;
  try {
    await make(temporary);
    await moveDurable(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** The same for a file of another's making: it keeps its mode, whatever this process's mask is. 0600 where it is new. */
export async function replaceFileDurable(file: string, data: string | Uint8Array): Promise<void> {
  const mode = await stat(file).then(
    (facts) => facts.mode & 0o7777,
    () => 0o600,
  );
  await writeFileDurable(file, data, mode, { exactly: true });
}

/** Makes the bytes of an existing file survive a power cut, before it is renamed into place. */
export async function syncFile(file: string): Promise<void> {
  const handle = await open(file, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Renames a file or directory and makes the new name survive a power cut. Both must be on one filesystem. */
export async function moveDurable(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(path.dirname(to));
  if (path.dirname(from) !== path.dirname(to)) await syncDirectory(path.dirname(from));
}

/** The text of a file; undefined where there is none. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

export async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false;
  }
}

/** Makes the names in a directory survive a power cut. Windows has no handles for it; NTFS journals names itself. */
export async function syncDirectory(directory: string): Promise<void> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(directory, "r");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EISDIR" || code === "EPERM" || code === "EACCES") return;
    throw error;
  }
  try {
    await handle.sync();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "EPERM" && code !== "EINVAL") throw error;
  } finally {
    await handle.close();
  }
}
