/** What processes of this computer have used, as Linux tells it. */
import { readdir, readFile } from "node:fs/promises";

/** Clock ticks of `/proc/PID/stat` are this long on every Linux that Node runs on. */
const TICK_MS = 10;

export type Process = { pid: number; parent: number; command: string };

/** The process and all that it and its children have started, as far as they still run. */
export async function tree(root: number): Promise<Process[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = (await Promise.all(pids.map(read))).filter((one) => one !== undefined);
  const found = new Set([root]);
  for (let before = 0; before < found.size; ) {
    before = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return all.filter(({ pid }) => found.has(pid));
}

async function read(pid: number): Promise<Process | undefined> {
  try {
    const command = (await readFile(`/proc/${pid}/cmdline`, "utf8")).replaceAll("\0", " ");
    return { pid, parent: Number((await fields(pid))[1]), command };
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

/** What follows the process's name, which may have spaces and brackets in it. */
async function fields(pid: number): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Processor time in ms that these have used since they began. */
export async function cpuMs(pids: readonly number[]): Promise<number> {
  const each = pids.map(async (pid) => {
    const all = await fields(pid).catch(() => []);
    return TICK_MS * (Number(all[11] ?? 0) + Number(all[12] ?? 0));
  });
  return (await Promise.all(each)).reduce((sum, one) => sum + one, 0);
}

/** What it keeps in memory now, in MB. */
export async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return (Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024) / 1e6;
}

/** Bytes that it has written since it began, to files and sockets. */
export async function writtenBytes(pid: number): Promise<number> {
  return Number(/^wchar: (\d+)/m.exec(await readFile(`/proc/${pid}/io`, "utf8"))?.[1]);
}
