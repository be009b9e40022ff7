/** SFTP for the files of a backup that lie in its repository. Nothing is written; requests are answered one after another. */
import type { Duplex } from "node:stream";
import { toEngineError } from "../../../base/errors.ts";
import { BadPacket, PACKET, PacketReader, PacketWriter, STATUS } from "../../../base/sftp-packets.ts";
import type { Ctx } from "../../ctx.ts";
import {
  type Answer,
  entriesAnswer,
  factsAnswer,
  hello,
  named,
  status,
  statusOf,
} from "../../guest/sftp/answers.ts";
import { Handles } from "../../guest/sftp/handles.ts";
import { systemError } from "../../guest/sftp/shared-directory.ts";
import { type SftpSession, sftpStream } from "../../guest/sftp/stream.ts";
import type { TreeNode } from "../repository/node.ts";
import { bytesOf, nameOf } from "../trees/names.ts";
import { CachedFile } from "./cached-file.ts";
import { factsOfNode, type StoredFiles } from "./stored-files.ts";

const MAX_HANDLES = 256;
const MAX_READ_BYTES = 128 * 1024;
const NAMES_AT_ONCE = 100;
/** Pieces of each file that stay in memory: clients read on from where they were. */
const PIECES_KEPT = 2;

type Handle = { node: TreeNode; file: CachedFile } | { node: TreeNode; left: TreeNode[] };

/** The caller owns the stream. `ctx` counts until `life` ends, which it does with the stream. */
export function sftpOfStored(ctx: Ctx, files: StoredFiles, life: AbortController): Duplex {
  return sftpStream(new Session({ ...ctx, signal: life.signal }, files), life);
}

class Session implements SftpSession {
  readonly #ctx: Ctx;
  readonly #files: StoredFiles;
  readonly #handles = new Handles<Handle>(MAX_HANDLES);

  constructor(ctx: Ctx, files: StoredFiles) {
    this.#ctx = ctx;
    this.#files = files;
  }

  async answer(packet: Buffer): Promise<Answer> {
    const reader = new PacketReader(packet);
    const type = reader.byte();
    if (type === PACKET.init) return hello([]);
    const id = reader.uint32();
    try {
      return await this.#do(type, id, reader);
    } catch (error) {
      if (error instanceof BadPacket) throw error;
      return status(id, statusOf(error), toEngineError(error, "read the backup").message);
    }
  }

  end(): void {
    this.#handles.takeAll();
  }

  async #do(type: number, id: number, reader: PacketReader): Promise<Answer> {
    switch (type) {
      case PACKET.open:
        return this.#open(id, reader);
      case PACKET.opendir: {
        const path = pathIn(reader);
        const [node, left] = [
          await this.#files.node(this.#ctx, path),
          await this.#files.list(this.#ctx, path),
        ];
        return this.#keep(id, { node, left: [...left] });
      }
      case PACKET.close:
        this.#handles.remove(this.#handle(reader).key);
        return status(id, STATUS.ok);
      case PACKET.read:
        return this.#read(id, reader);
      case PACKET.readdir:
        return this.#names(id, reader);
      case PACKET.stat:
      case PACKET.lstat:
        return factsAnswer(id, factsOfNode(await this.#files.node(this.#ctx, pathIn(reader))));
      case PACKET.fstat:
        return factsAnswer(id, factsOfNode(this.#handle(reader).handle.node));
      case PACKET.realpath:
        return named(id, reader.text());
      case PACKET.readlink: {
        const { linkTarget } = await this.#files.node(this.#ctx, pathIn(reader));
        if (linkTarget === undefined) throw systemError("EINVAL");
        return named(id, bytesOf(linkTarget));
      }
      default:
        return status(id, STATUS.permissionDenied, "nothing in a backup can be changed");
    }
  }

  async #open(id: number, reader: PacketReader): Promise<Answer> {
    const node = await this.#files.node(this.#ctx, pathIn(reader));
    if (reader.uint32() !== 1) throw systemError("EACCES"); // To read, and nothing else.
    const file = await this.#files.open(this.#ctx, node);
    return this.#keep(id, { node, file: new CachedFile(file, this.#ctx, PIECES_KEPT) });
  }

  #keep(id: number, handle: Handle): Answer {
    if (this.#handles.isFull) return status(id, STATUS.failure, "too much is open");
    return this.#handles.keep(id, handle);
  }

  #handle(reader: PacketReader): { key: number; handle: Handle } {
    const found = this.#handles.next(reader);
    if (!found) throw systemError("EBADF");
    return found;
  }

  async #read(id: number, reader: PacketReader): Promise<Answer> {
    const { handle } = this.#handle(reader);
    if (!("file" in handle)) throw systemError("EISDIR");
    const [offset, length] = [reader.uint64(), reader.uint32()];
    const most = Math.min(length, MAX_READ_BYTES, handle.file.sizeBytes - offset);
    if (most <= 0) return status(id, STATUS.eof);
    const bytes = await handle.file.read(offset, most);
    return new PacketWriter(PACKET.data).uint32(id).data(bytes).packet();
  }

  #names(id: number, reader: PacketReader): Answer {
    const { handle } = this.#handle(reader);
    if (!("left" in handle)) throw systemError("ENOTDIR");
    const some = handle.left.splice(0, NAMES_AT_ONCE);
    return entriesAnswer(
      id,
      some.map((node) => ({ name: bytesOf(node.name), facts: factsOfNode(node) })),
    );
  }
}

function pathIn(reader: PacketReader): string {
  return nameOf(reader.text());
}
