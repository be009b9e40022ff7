/** The changes of a sandbox, with both sides of each on this host, so that what is looked at is what is accepted. */
import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { EngineError } from "../../base/errors.ts";
import type { EngineClient } from "../../client/engine-client.ts";
import { type GuestEnd, packing } from "../../client/transfer/in-guest.ts";
import { unpackInto } from "../../client/transfer/unpack.ts";
import { type Change, changesBetween, type FileEntry, isSame } from "./changes.ts";
import { entryOf, refusalOf } from "./entry.ts";
import { batches, changing, guestEntries, guestNames } from "./guest-tree.ts";
import { ignoredIn } from "./project-files.ts";
import { baseFile, type Sandbox } from "./record.ts";

export type Refused = { path: string; reason: string };

export type Review = {
  sandbox: Sandbox;
  changes: Change[];
  /** What is in the guest and can never come to this host. */
  refused: Refused[];
  /** The file as it was; undefined where it was not. */
  before(change: Change): string | undefined;
  /** The file as it is; undefined where it is no more. */
  after(change: Change): string | undefined;
  /** Removes what was fetched. */
  dispose(): Promise<void>;
};

export type ReviewOptions = {
  client: EngineClient;
  platform: NodeJS.Platform;
  signal: AbortSignal;
  /** Called with bytes fetched. */
  onBytes?: ((bytes: number) => void) | undefined;
};

/** More than this is no change that somebody looks through. */
const FETCH_BYTES = 2 * 2 ** 30;

/** The instance runs. Dispose it when it has been looked at. */
export async function reviewSandbox(sandbox: Sandbox, options: ReviewOptions): Promise<Review> {
  const { record, instance, place } = sandbox;
  const end: GuestEnd = { client: options.client, instance: instance.name, signal: options.signal };
  const { entries, refused } = await entriesIn(end, sandbox, options);
  const changes = changesBetween(record.entries, entries);
  const work = await mkdtemp(path.join(place, "review-"));
  try {
    const wanted = changes.flatMap(({ after }) => (after ? [after] : []));
    const fetched = await fetchFiles(end, record.directory, wanted, work, options);
    return {
      ...{ sandbox, changes, refused },
      before: ({ before }) => before && baseFile(place, before.path),
      after: ({ after }) => after && fetched.get(after.path),
      dispose: () => rm(work, { recursive: true, force: true }),
    };
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    throw error;
  }
}

/** What the guest has, but for what git ignores and what may never come out. */
async function entriesIn(
  end: GuestEnd,
  { record }: Sandbox,
  { platform, signal }: ReviewOptions,
): Promise<{ entries: FileEntry[]; refused: Refused[] }> {
  const known = new Set(record.entries.map((entry) => entry.path));
  const entries: FileEntry[] = [];
  const refused: Refused[] = [];
  for (const kind of ["file", "link"] as const) {
    const allowed: string[] = [];
    for (const name of await guestNames(end, record.directory, kind)) {
      const reason = refusalOf(name, platform);
      if (reason === undefined) allowed.push(name);
      else refused.push({ path: name, reason });
    }
    const strangers = allowed.filter((name) => !known.has(name));
    const ignored = await ignoredIn(record.folder, strangers, signal);
    const wanted = allowed.filter((name) => !ignored.has(name));
    entries.push(...(await guestEntries(end, record.directory, kind, wanted)));
  }
  return { entries, refused };
}

/** Each batch into a directory of its own: no file of one can lie in a directory that another has made. */
async function fetchFiles(
  end: GuestEnd,
  directory: string,
  wanted: readonly FileEntry[],
  work: string,
  { platform, signal, onBytes }: ReviewOptions,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  let total = 0;
  const count = (bytes: number) => {
    total += bytes;
    onBytes?.(bytes);
    if (total <= FETCH_BYTES) return;
    throw new EngineError("no-resources", `cannot review ${end.instance}: its changes are over 2 GiB`, {
      hint: "Remove what is not the project's in the guest, or let .gitignore name it.",
    });
  };
  for (const names of batches(wanted.map((entry) => entry.path))) {
    const into = await mkdtemp(path.join(work, "part-"));
    const { output, finish } = await packing(
      end,
      directory,
      names.map((name) => `./${name}`),
    );
    await unpackInto(into, output, { platform, signal, onBytes: count, onSkipped: () => {} });
    await finish();
    for (const name of names) found.set(name, path.join(into, ...name.split("/")));
  }
  for (const entry of wanted) {
    const came = await entryOf(found.get(entry.path) ?? "", entry.path);
    if (!isSame(came, entry)) throw changing(end);
  }
  return found;
}
