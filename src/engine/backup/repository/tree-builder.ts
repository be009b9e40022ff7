/** The tree of a backup, put together file by file and saved when it is whole. */
import { EngineError } from "../../../base/errors.ts";
import { newNode, type TreeNode } from "./node.ts";
import { nameProblem } from "./tree.ts";

type Folder = { node: TreeNode; entries: Map<string, Folder | TreeNode> };

export class TreeBuilder {
  readonly #root: Folder = newFolder("");
  #folders = 0;

  /** How many folders it has, those included that were made on the way. */
  get folders(): number {
    return this.#folders;
  }

  /** How many files it has, and how many bytes are in them. */
  files(): { count: number; bytes: number } {
    return filesIn(this.#root);
  }

  /** Puts a file at a path, or says what a folder is like. Folders on the way are made; what was there is replaced. */
  put(path: string, node: Omit<TreeNode, "name">): void {
    const names = path.split("/").filter((name) => name !== "");
    const name = names.pop();
    if (name === undefined) throw refused(path, "it names nothing");
    const folder = names.reduce((above, each) => this.#enter(above, each, path), this.#root);
    this.#check(name, path);
    const there = folder.entries.get(name);
    if (node.type === "dir" && !there) this.#folders++;
    const entries = there && "entries" in there ? there.entries : new Map<string, Folder | TreeNode>();
    folder.entries.set(name, node.type === "dir" ? { node: { ...node, name }, entries } : { ...node, name });
  }

  /** Saves all lists, the innermost first, and tells the root's id. */
  save(tree: (nodes: TreeNode[]) => Promise<string>): Promise<string> {
    return this.#save(this.#root, tree);
  }

  async #save({ entries }: Folder, tree: (nodes: TreeNode[]) => Promise<string>): Promise<string> {
    const nodes: TreeNode[] = [];
    for (const entry of entries.values())
      nodes.push("entries" in entry ? { ...entry.node, subtree: await this.#save(entry, tree) } : entry);
    return tree(nodes);
  }

  #enter(above: Folder, name: string, path: string): Folder {
    this.#check(name, path);
    const there = above.entries.get(name);
    if (there && "entries" in there) return there;
    if (there) throw refused(path, `${name} is no folder`);
    const folder = newFolder(name);
    above.entries.set(name, folder);
    this.#folders++;
    return folder;
  }

  #check(name: string, path: string): void {
    const problem = nameProblem(name);
    if (problem) throw refused(path, `the name ${JSON.stringify(name)} is none: ${problem}`);
  }
}

function filesIn({ entries }: Folder): { count: number; bytes: number } {
  const sum = { count: 0, bytes: 0 };
  for (const entry of entries.values()) {
    const isFile = !("entries" in entry) && entry.type === "file";
    const own =
      "entries" in entry ? filesIn(entry) : { count: isFile ? 1 : 0, bytes: (isFile && entry.size) || 0 };
    sum.count += own.count;
    sum.bytes += own.bytes;
  }
  return sum;
}

function newFolder(name: string): Folder {
  return { node: { ...newNode("dir"), name }, entries: new Map() };
}

function refused(path: string, reason: string): EngineError {
  return new EngineError("invalid-argument", `cannot put ${JSON.stringify(path)} into a backup: ${reason}`);
}
