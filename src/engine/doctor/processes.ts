/** QEMUs of this engine's instances among the host's processes, as Linux lists them. */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

export type ListedProcess = { pid: number; argv: readonly string[] };

/** Every process whose arguments this user may read. */
export async function processesOf(proc = "/proc"): Promise<ListedProcess[]> {
  const names = await readdir(proc).catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map(async (name) => {
        const text = await readFile(path.join(proc, name, "cmdline"), "utf8").catch(() => "");
        return { pid: Number(name), argv: text.split("\0").slice(0, -1) };
      }),
  );
  return found.filter(({ argv }) => argv.length > 0);
}

/**
 * QEMUs on disks beneath `instances` whose instance is not known to run, and all but one where several are on the disk
 * of one. Pure.
 */
export function orphansIn(
  processes: readonly ListedProcess[],
  instances: string,
  running: ReadonlySet<string>,
): ListedProcess[] {
  const seen = new Set<string>();
  return processes.filter(({ argv }) => {
    const id = argv[argv.indexOf("-uuid") + 1];
    if (!argv.includes("-uuid") || id === undefined) return false;
    const own = `${path.join(instances, id)}${path.sep}`;
    if (!argv.some((word) => word.includes(own))) return false;
    const known = running.has(id) && !seen.has(id);
    seen.add(id);
    return !known;
  });
}
