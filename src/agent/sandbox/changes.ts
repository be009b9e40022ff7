/** What was changed in a sandbox since it began. Pure. */

/** One file of a project, as what it holds: the same bytes and the same mode are the same file. */
export type FileEntry = {
  /** Below the project's folder, with forward slashes. */
  path: string;
  kind: "file" | "link";
  executable: boolean;
  /** Of the content; of the target where it is a link. */
  sha256: string;
};

export function isSame(a: FileEntry | undefined, b: FileEntry | undefined): boolean {
  if (!a || !b) return a === b;
  return a.kind === b.kind && a.sha256 === b.sha256 && a.executable === b.executable;
}

export type Change = {
  path: string;
  kind: "added" | "modified" | "deleted";
  before?: FileEntry;
  after?: FileEntry;
};

/** In the order of their paths. */
export function changesBetween(before: readonly FileEntry[], after: readonly FileEntry[]): Change[] {
  const old = new Map(before.map((entry) => [entry.path, entry]));
  const now = new Map(after.map((entry) => [entry.path, entry]));
  const changes: Change[] = [];
  for (const path of [...new Set([...old.keys(), ...now.keys()])].sort()) {
    const [was, is] = [old.get(path), now.get(path)];
    if (was && is && !isSame(was, is)) changes.push({ path, kind: "modified", before: was, after: is });
    else if (was && !is) changes.push({ path, kind: "deleted", before: was });
    else if (!was && is) changes.push({ path, kind: "added", after: is });
  }
  return changes;
}

/** Files that tools of this host run or obey without being asked: worth a second look. */
const OBEYED =
  /(^|\/)(\.vscode\/(tasks|launch|settings|mcp)\.json|\.envrc|\.husky\/.+|\.github\/(workflows|hooks)\/.+|\.claude\/.+|\.cursor\/.+|\.gitmodules|\.gitattributes|[^/]+\.code-workspace|\.devcontainer(\.json|\/.+)|\.npmrc|\.yarnrc(\.yml)?|conftest\.py|berth\.ya?ml)$/i;

export function isObeyed(path: string): boolean {
  return OBEYED.test(path);
}

/** `1 file`, `2 files`. */
export function filesText(count: number): string {
  return `${count} ${count === 1 ? "file" : "files"}`;
}

/** `1 file added, 2 changed, 1 deleted`. */
export function countText(changes: readonly Pick<Change, "kind">[]): string {
  const count = (kind: Change["kind"]) => changes.filter((one) => one.kind === kind).length;
  const parts = [
    [count("added"), "added"],
    [count("modified"), "changed"],
    [count("deleted"), "deleted"],
  ].filter(([n]) => n !== 0);
  if (parts.length === 0) return "nothing changed";
  return parts
    .map(([n, word], at) => (at === 0 ? `${filesText(Number(n))} ${word}` : `${n} ${word}`))
    .join(", ");
}
