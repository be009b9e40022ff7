/** What a tree says of one file, directory, link or device. */
import { goTimeOfMs } from "./go-text.ts";
import type { IdList } from "./ids.ts";

export const NODE_TYPES = [
  "file",
  "dir",
  "symlink",
  "dev",
  "chardev",
  "fifo",
  "socket",
  "irregular",
] as const;
export type NodeType = (typeof NODE_TYPES)[number];

export type Xattr = { name: string; value: Uint8Array };

export type TreeNode = {
  /** One name, no path; bytes that are no UTF-8 are lone surrogates (`go-text.ts`). */
  name: string;
  type: NodeType;
  /** In restic's own bits; `unixMode` and `modeOf` translate. */
  mode: number;
  /** RFC 3339 with nanoseconds; `epochNs` and `goTime` translate. */
  mtime: string;
  atime: string;
  ctime: string;
  uid: number;
  gid: number;
  user?: string;
  group?: string;
  inode?: number;
  deviceId?: number;
  size?: number;
  links?: number;
  linkTarget?: string;
  xattrs?: Xattr[];
  device?: number;
  /** Of a file: the ids of its pieces, in order. */
  content?: IdList;
  /** Of a directory: the id of its tree, in hex. */
  subtree?: string;
};

const TYPE_BITS: Record<NodeType, number> = {
  file: 0,
  dir: 2 ** 31,
  symlink: 2 ** 27,
  dev: 2 ** 26,
  chardev: 2 ** 26 + 2 ** 21,
  fifo: 2 ** 25,
  socket: 2 ** 24,
  irregular: 2 ** 19,
};

/** Set-user-id, set-group-id and sticky: the Unix bit, restic's bit. */
const SPECIAL = [
  [0o4000, 2 ** 23],
  [0o2000, 2 ** 22],
  [0o1000, 2 ** 20],
] as const;

/** Restic's mode of a type with Unix permissions (the lower twelve bits). */
export function modeOf(type: NodeType, unix: number): number {
  const special = SPECIAL.reduce((sum, [bit, own]) => sum + (unix & bit ? own : 0), 0);
  return TYPE_BITS[type] + special + (unix & 0o777);
}

/** The twelve bits of Unix. */
export function unixMode({ mode }: Pick<TreeNode, "mode">): number {
  return SPECIAL.reduce((sum, [bit, own]) => sum + (Math.floor(mode / own) % 2 ? bit : 0), mode & 0o777);
}

/** A node of ours, with one time for all and root's where nobody is named. */
export function newNode(
  type: NodeType,
  facts: { unixMode?: number; timeMs?: number; uid?: number; gid?: number } = {},
): Omit<TreeNode, "name"> {
  const time = goTimeOfMs(facts.timeMs ?? Date.now());
  const mode = modeOf(type, facts.unixMode ?? (type === "dir" ? 0o700 : 0o600));
  return { type, mode, mtime: time, atime: time, ctime: time, uid: facts.uid ?? 0, gid: facts.gid ?? 0 };
}
