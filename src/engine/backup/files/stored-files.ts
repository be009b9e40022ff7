/**
 * The files of a container's backup, laid out as an instance lays out those of a machine's (`BACKUP_FILES`): `root` is the
 * file system as the container saw it, its volumes in their places, and beside it is each volume by its name. They are read
 * from the repository itself. Links are not followed: where they lead is for whoever reads them.
 */
import { posix } from "node:path";
import { BACKUP_FILES } from "../../../api/backup.ts";
import type { Attributes } from "../../../base/sftp-packets.ts";
import type { Ctx } from "../../ctx.ts";
import { systemError } from "../../guest/sftp/shared-directory.ts";
import { type ContainerDefinition, ROOT, VOLUMES } from "../container-definition.ts";
import { epochNs } from "../repository/go-text.ts";
import { type NodeType, newNode, type TreeNode, unixMode } from "../repository/node.ts";
import type { BackupReader } from "../repository/reader.ts";
import type { Snapshot } from "../repository/snapshot.ts";
import type { StoredFile } from "../repository/stored-file.ts";

type Volumes = Pick<ContainerDefinition, "volumes">["volumes"];

/** Directories that stay in memory. */
const MOST_KEPT = 500;
const MAX_SECONDS = 2n ** 32n - 1n;

const TYPES: Record<NodeType, number> = {
  ...{ fifo: 0o010000, chardev: 0o020000, dir: 0o040000, dev: 0o060000 },
  ...{ file: 0o100000, symlink: 0o120000, socket: 0o140000, irregular: 0 },
};

/** Where in a backup lies what is shown at this path; undefined where nothing is. Pure. */
export function placeIn(volumes: Volumes, path: string): string | undefined {
  const shown = posix.normalize(path).replace(/(.)\/$/, "$1");
  if (!shown.startsWith(`${BACKUP_FILES}/`)) return undefined;
  const [first = "", ...names] = shown.slice(BACKUP_FILES.length + 1).split("/");
  const rest = names.map((name) => `/${name}`).join("");
  if (first !== "root")
    return volumes.some(({ name }) => name === first) ? `${VOLUMES}/${first}${rest}` : undefined;
  const [nearest] = volumes
    .map(({ name, target }) => ({ name, target: posix.normalize(target).replace(/\/$/, "") }))
    .filter(({ target }) => rest === target || rest.startsWith(`${target}/`))
    .sort((a, b) => b.target.length - a.target.length);
  return nearest ? `${VOLUMES}/${nearest.name}${rest.slice(nearest.target.length)}` : `${ROOT}${rest}`;
}

export class StoredFiles {
  readonly #reader: Pick<BackupReader, "ls" | "open">;
  readonly #snapshot: Snapshot;
  readonly #volumes: Volumes;
  /** By where they lie in the backup; the one that was used last is the last. */
  readonly #directories = new Map<string, Promise<TreeNode[]>>();

  constructor(reader: Pick<BackupReader, "ls" | "open">, snapshot: Snapshot, volumes: Volumes) {
    this.#reader = reader;
    this.#snapshot = snapshot;
    this.#volumes = volumes;
  }

  /** Throws `ENOENT` where there is nothing. */
  async node(ctx: Ctx, path: string): Promise<TreeNode> {
    if (isTop(path)) return { ...newNode("dir", { timeMs: this.#snapshot.timeMs }), name: "" };
    return this.#node(ctx, this.#placeOf(path));
  }

  /** Throws `ENOTDIR` of what is no directory. */
  async list(ctx: Ctx, path: string): Promise<TreeNode[]> {
    if (!isTop(path)) return this.#directory(ctx, this.#placeOf(path));
    const names = new Set(["root", ...this.#volumes.map(({ name }) => name)]);
    return Promise.all(
      [...names].map(async (name) => ({ ...(await this.node(ctx, `${BACKUP_FILES}/${name}`)), name })),
    );
  }

  open(ctx: Ctx, node: TreeNode): Promise<StoredFile> {
    return this.#reader.open(ctx, node);
  }

  #placeOf(path: string): string {
    const place = placeIn(this.#volumes, path);
    if (place === undefined) throw systemError("ENOENT");
    return place;
  }

  async #node(ctx: Ctx, place: string): Promise<TreeNode> {
    const { dir, base } = posix.parse(place);
    const node = (await this.#directory(ctx, dir)).find(({ name }) => name === base);
    if (!node) throw systemError("ENOENT");
    return node;
  }

  #directory(ctx: Ctx, place: string): Promise<TreeNode[]> {
    const known = this.#directories.get(place);
    const nodes = known ?? this.#fetch(ctx, place);
    this.#directories.delete(place);
    this.#directories.set(place, nodes);
    // Another time it may be there.
    nodes.catch(() => this.#directories.delete(place));
    const [oldest] = this.#directories.keys();
    if (this.#directories.size > MOST_KEPT && oldest !== undefined) this.#directories.delete(oldest);
    return nodes;
  }

  async #fetch(ctx: Ctx, place: string): Promise<TreeNode[]> {
    if (place === "/") return this.#reader.ls(ctx, this.#snapshot);
    const { subtree } = await this.#node(ctx, place);
    if (subtree === undefined) throw systemError("ENOTDIR");
    return this.#reader.ls(ctx, { ...this.#snapshot, tree: subtree });
  }
}

function isTop(path: string): boolean {
  return posix.normalize(path).replace(/\/$/, "") === BACKUP_FILES;
}

/** As SFTP has them. Pure. */
export function factsOfNode(node: TreeNode): Attributes {
  const modified = secondsOf(node.mtime);
  return {
    ...{ size: node.size ?? 0, owner: { uid: node.uid, gid: node.gid } },
    mode: TYPES[node.type] | unixMode(node),
    times: { accessed: modified, modified },
  };
}

function secondsOf(time: string): number {
  const seconds = (epochNs(time) ?? 0n) / 1_000_000_000n;
  return Number(seconds < 0n ? 0n : seconds > MAX_SECONDS ? MAX_SECONDS : seconds);
}
