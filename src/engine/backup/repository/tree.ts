/**
 * A directory's list as it lies in a repository: `{"nodes":[…]}` and a newline. Its id is the sum of these bytes, so they
 * are written as restic writes them. Contents go past the JSON reader: a disk's is millions of ids.
 */
import * as z from "zod";
import { damaged } from "./damage.ts";
import { bytesOfName, epochNs, goString, nameOfBytes, quoteName, unquoteName } from "./go-text.ts";
import type { IdList } from "./ids.ts";
import { NODE_TYPES, type TreeNode } from "./node.ts";
import { contentTextBytes, type LiftedTree, liftContents, writeContent } from "./tree-contents.ts";

const ZERO_TIME = "0001-01-01T00:00:00Z";
const MAX_NAME_BYTES = 4096;

const uint = (max: number) => z.number().int().min(0).max(max);
const Time = z
  .string()
  .max(40)
  .refine((text) => epochNs(text) !== undefined, "is no time");

const NodeJson = z.object({
  name: z.string(),
  type: z.enum(NODE_TYPES),
  mode: uint(2 ** 32 - 1).default(0),
  mtime: Time.default(ZERO_TIME),
  atime: Time.default(ZERO_TIME),
  ctime: Time.default(ZERO_TIME),
  uid: uint(2 ** 32 - 1).default(0),
  gid: uint(2 ** 32 - 1).default(0),
  user: z.string().max(1024).optional(),
  group: z.string().max(1024).optional(),
  inode: z.number().min(0).optional(),
  device_id: z.number().min(0).optional(),
  size: uint(Number.MAX_SAFE_INTEGER).optional(),
  links: z.number().min(0).optional(),
  linktarget: z.string().max(65_536).optional(),
  linktarget_raw: z.base64().max(100_000).nullish(),
  extended_attributes: z
    .array(z.object({ name: z.string().min(1).max(1024), value: z.base64().nullable() }))
    .max(10_000)
    .nullish(),
  device: z.number().min(0).optional(),
  /** The place of its content among those that were lifted out. */
  content: z.number().int().min(0).nullish(),
  subtree: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullish(),
});
type NodeJson = z.infer<typeof NodeJson>;

const TreeJson = z.object({ nodes: z.array(NodeJson).nullish() });

/** The nodes of a tree's text, each name once and fit to be one. `what` names the tree in errors. */
export function parseTree(text: Uint8Array, what: string): TreeNode[] {
  const lifted = lift(text, what);
  const { data, error } = TreeJson.safeParse(lifted.tree);
  if (!data) throw damaged(what, z.prettifyError(error).replaceAll("\n", " "));
  const nodes = (data.nodes ?? []).map((node) => nodeOf(node, lifted.contents, what));
  if (new Set(nodes.map(({ name }) => name)).size < nodes.length) throw damaged(what, "it has a name twice");
  return nodes;
}

function lift(text: Uint8Array, what: string): { tree: unknown; contents: IdList[] } {
  let lifted: LiftedTree | undefined;
  try {
    lifted = liftContents(text);
    return { tree: JSON.parse(lifted.json), contents: lifted.contents };
  } catch (error) {
    throw damaged(what, "it is no list of a directory", error);
  }
}

function nodeOf(json: NodeJson, contents: readonly IdList[], what: string): TreeNode {
  const name = unquoteName(json.name);
  const problem = name === undefined ? "its quotes do not close" : nameProblem(name);
  if (name === undefined || problem)
    throw damaged(what, `the name ${JSON.stringify(json.name.slice(0, 200))} is none: ${problem}`);
  const { mode, mtime, atime, ctime, uid, gid, type } = json;
  const node: TreeNode = { name, type, mode, mtime, atime, ctime, uid, gid, ...namedOf(json) };
  if (type === "file") {
    const content = json.content === null || json.content === undefined ? undefined : contents[json.content];
    if (!content) throw damaged(what, `the file ${JSON.stringify(name)} has no list of its pieces`);
    node.content = content;
    node.size = json.size ?? 0;
  }
  if (type === "dir") {
    if (!json.subtree) throw damaged(what, `the directory ${JSON.stringify(name)} has no tree`);
    node.subtree = json.subtree;
  }
  return node;
}

/** What a node may have or not. */
function namedOf(json: NodeJson): Partial<TreeNode> {
  const raw = json.linktarget_raw;
  return {
    ...(json.user ? { user: json.user } : {}),
    ...(json.group ? { group: json.group } : {}),
    ...(json.inode ? { inode: json.inode } : {}),
    ...(json.device_id ? { deviceId: json.device_id } : {}),
    ...(json.links ? { links: json.links } : {}),
    ...(json.device ? { device: json.device } : {}),
    ...(raw ? { linkTarget: nameOfBytes(Buffer.from(raw, "base64")) } : {}),
    ...(!raw && json.linktarget ? { linkTarget: json.linktarget } : {}),
    ...(json.extended_attributes?.length
      ? {
          xattrs: json.extended_attributes.map(({ name, value }) => ({
            name,
            value: Buffer.from(value ?? "", "base64"),
          })),
        }
      : {}),
  };
}

/** Why a name cannot be one file's, or undefined. */
export function nameProblem(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (name === "." || name === "..") return "it leads elsewhere";
  if (name.includes("/") || name.includes("\0")) return "it holds a slash or a zero";
  return bytesOfName(name).length > MAX_NAME_BYTES ? "it is too long" : undefined;
}

/** The text of a directory. Throws for names that cannot be, or are there twice. */
export function treeText(nodes: readonly TreeNode[]): Uint8Array<ArrayBuffer> {
  const named = nodes.map((node) => ({ node, key: Buffer.from(bytesOfName(node.name)) }));
  named.sort((a, b) => Buffer.compare(a.key, b.key));
  const parts: Part[] = [];
  for (const [index, { node, key }] of named.entries()) {
    const problem =
      nameProblem(node.name) ?? (named[index - 1]?.key.equals(key) ? "it is there twice" : undefined);
    if (problem) throw new Error(`a tree cannot have the name ${JSON.stringify(node.name)}: ${problem}`);
    parts.push(Buffer.from(index > 0 ? "," : '{"nodes":['));
    parts.push(...nodeText(node));
  }
  parts.push(Buffer.from(nodes.length > 0 ? "]}\n" : '{"nodes":[]}\n'));
  return joined(parts);
}

/** Text, or the ids that a list of content is to be made of. */
type Part = Uint8Array | { ids: IdList };

/** Fields in restic's order; those with nothing in them are left out as it does. */
function nodeText(node: TreeNode): Part[] {
  const fields: [string, string | number | undefined][] = [
    ["name", goString(quoteName(node.name))],
    ["type", goString(node.type)],
    ["mode", node.mode || undefined],
    ["mtime", goString(node.mtime)],
    ["atime", goString(node.atime)],
    ["ctime", goString(node.ctime)],
    ["uid", node.uid],
    ["gid", node.gid],
    ["user", node.user ? goString(node.user) : undefined],
    ["group", node.group ? goString(node.group) : undefined],
    ["inode", node.inode || undefined],
    ["device_id", node.deviceId || undefined],
    ["size", node.size || undefined],
    ["links", node.links || undefined],
    ["linktarget", node.linkTarget ? goString(node.linkTarget) : undefined],
    ["linktarget_raw", rawTarget(node)],
    ["extended_attributes", node.xattrs?.length ? xattrText(node.xattrs) : undefined],
    ["device", node.device || undefined],
  ];
  const head = fields.flatMap(([name, value]) => (value === undefined ? [] : [`"${name}":${value}`]));
  const tail = node.subtree ? `,"subtree":"${node.subtree}"}` : "}";
  const start = `{${head.join(",")},"content":`;
  if (node.type !== "file") return [Buffer.from(`${start}null${tail}`)];
  return [Buffer.from(start), { ids: node.content ?? new Uint8Array() }, Buffer.from(tail)];
}

function rawTarget({ linkTarget = "" }: TreeNode): string | undefined {
  return linkTarget.isWellFormed()
    ? undefined
    : `"${Buffer.from(bytesOfName(linkTarget)).toString("base64")}"`;
}

function xattrText(xattrs: NonNullable<TreeNode["xattrs"]>): string {
  const texts = xattrs.map(
    ({ name, value }) => `{"name":${goString(name)},"value":"${Buffer.from(value).toString("base64")}"}`,
  );
  return `[${texts.join(",")}]`;
}

/** All parts in one buffer: a disk's list is long, and is in memory once. */
function joined(parts: readonly Part[]): Uint8Array<ArrayBuffer> {
  const lengthOf = (part: Part) => ("ids" in part ? contentTextBytes(part.ids) : part.length);
  const text = new Uint8Array(parts.reduce((sum, part) => sum + lengthOf(part), 0));
  let at = 0;
  for (const part of parts) {
    if ("ids" in part) writeContent(part.ids, text, at);
    else text.set(part, at);
    at += lengthOf(part);
  }
  return text;
}
