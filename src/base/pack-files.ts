/** Files and trees of this host as a tar stream. Links go as links; what is neither file, directory nor link is left out. */
import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import tar, { type Headers, type Pack } from "tar-stream";

export type PackOptions = {
  /** Called with bytes read of files. */
  onBytes?: (bytes: number) => void;
  /** Called with what is left out, such as a socket. */
  onSkipped?: (file: string) => void;
  /** What of a name in the archive is wanted: it and what is in it, what is in it alone, or nothing. All when left out. */
  wanted?: (name: string) => "whole" | "inside" | "nothing";
  signal: AbortSignal;
};

/** Each source under its name in the archive; `done` rejects with the first failure. */
export function packFiles(
  sources: readonly { file: string; name: string }[],
  options: PackOptions,
): { output: Readable; done: Promise<void> } {
  const pack = tar.pack();
  const done = (async () => {
    try {
      for (const { file, name } of sources) await add(pack, file, name, options);
      pack.finalize();
    } catch (error) {
      pack.destroy(error as Error);
      throw error;
    }
  })();
  done.catch(() => {});
  return { output: pack as unknown as Readable, done };
}

async function add(pack: Pack, file: string, name: string, options: PackOptions): Promise<void> {
  options.signal.throwIfAborted();
  const wanted = options.wanted?.(name) ?? "whole";
  if (wanted === "nothing") return;
  const facts = await lstat(file);
  const base = { name, mode: facts.mode & 0o7777, mtime: facts.mtime };
  if (facts.isDirectory()) {
    if (wanted === "whole") await put(pack, { ...base, type: "directory" });
    for (const child of await readdir(file))
      await add(pack, path.join(file, child), `${name}/${child}`, options);
    return;
  }
  if (wanted === "inside") return;
  if (facts.isSymbolicLink()) return put(pack, { ...base, type: "symlink", linkname: await readlink(file) });
  if (!facts.isFile()) return options.onSkipped?.(file);
  // A file that grows meanwhile is sent as long as it was; one that shrinks is an error of the archive.
  const entry = pack.entry({ ...base, type: "file", size: facts.size });
  if (facts.size === 0) return void entry.end();
  const source = createReadStream(file, {
    end: facts.size - 1,
    highWaterMark: 256 * 1024,
    signal: options.signal,
  });
  source.on("data", (chunk) => options.onBytes?.(chunk.length));
  await pipeline(source, entry);
}

function put(pack: Pack, header: Headers): Promise<void> {
  return new Promise((resolve, reject) => {
    pack.entry(header, (error) => (error ? reject(error) : resolve()));
  });
}

/** Bytes of the files beneath; what cannot be read now is told when it is sent. */
export async function bytesBeneath(file: string): Promise<number> {
  const facts = await lstat(file).catch(() => undefined);
  if (!facts) return 0;
  if (!facts.isDirectory()) return facts.isFile() ? facts.size : 0;
  const children = await readdir(file).catch(() => []);
  let sum = 0;
  for (const child of children) sum += await bytesBeneath(path.join(file, child));
  return sum;
}
