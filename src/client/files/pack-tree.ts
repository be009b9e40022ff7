/** A file, or a directory with all that is in it, as a tar, by SFTP alone: for where no program can make one. */
import type { TarHeader } from "../../base/tar/header.ts";
import { plainFile, TAR_END, tarEntry } from "../../base/tar/write.ts";
import { contentOf } from "./content.ts";
import { OPEN, type Path, type Sftp } from "./sftp.ts";
import { beneath, entriesOf, typeOf } from "./trees.ts";

type Packing = { sftp: Sftp; onSkipped: (name: string) => void };

/** `name`: what it is called in the tar. */
export async function* packTree(packing: Packing, path: Path, name: string): AsyncGenerator<Uint8Array> {
  yield* packed(packing, path, Buffer.from(name).toString("latin1"));
  yield TAR_END;
}

async function* packed(packing: Packing, path: Path, name: string): AsyncGenerator<Uint8Array> {
  const { sftp } = packing;
  const { size = 0, mode = 0, owner, times, ...rest } = await sftp.lstat(path);
  const type = typeOf({ mode, ...rest });
  const header: TarHeader = {
    ...{ ...plainFile(name, 0), mode: mode & 0o7777, uid: owner?.uid ?? 0, gid: owner?.gid ?? 0 },
    mtimeNs: BigInt(times?.modified ?? 0) * 1_000_000_000n,
  };
  if (type === "other") packing.onSkipped(Buffer.from(name, "latin1").toString());
  else if (type === "link") {
    const linkName = (await sftp.readLink(path)).toString("latin1");
    yield* tarEntry({ ...header, type: "symlink", linkName });
  } else if (type === "file") yield* tarEntry({ ...header, size }, content(sftp, path, size));
  else {
    yield* tarEntry({ ...header, type: "dir", name: `${name}/` });
    for (const { bytes } of await entriesOf(sftp, path))
      yield* packed(packing, beneath(path, bytes), `${name}/${bytes.toString("latin1")}`);
  }
}

/** A file's bytes. */
export async function* bytesOf(sftp: Sftp, path: Path): AsyncGenerator<Uint8Array> {
  const { size = 0 } = await sftp.lstat(path);
  yield* content(sftp, path, size);
}

async function* content(sftp: Sftp, path: Path, size: number): AsyncGenerator<Uint8Array> {
  const handle = await sftp.open(path, OPEN.read);
  try {
    yield* contentOf({ sftp, handle }, size);
  } finally {
    await sftp.closeHandle(handle).catch(() => {});
  }
}
