/**
 * Where instances and images lie: at first beside the database, later wherever a move has put them. One small file in
 * the data directory says so, and its replacement is the switch of a move. A place that is not there, because its disk
 * is not mounted, is never made anew.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import type { Problem } from "../../api/instance.ts";
import { Stored } from "../../api/storage.ts";
import { exists, privateDirectory, writeFileDurable } from "../../base/durable.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { Paths } from "../../base/paths.ts";

/** A place that is not the first one is a directory of the user's choice; undefined is the first one. */
export type Place = string | undefined;

const Former = z.object({ what: Stored, directory: z.string().optional() });

const Pointer = z.object({
  schema: z.literal(1),
  instances: z.string().optional(),
  images: z.string().optional(),
  /** Where data lay before, until nothing of it is left there. */
  former: z.array(Former).default([]),
});
type Pointer = z.infer<typeof Pointer>;

/** What makes a directory a place of ours, and tells that its disk is mounted. */
export const Marker = z.object({
  schema: z.literal(1),
  /** The data directory whose place it is. */
  owner: z.string(),
  /** Of the move that made it. */
  operation: z.string(),
  /** The directory itself was made by that move, and goes with the data. */
  made: z.boolean().default(false),
});
export type Marker = z.infer<typeof Marker>;

const POINTER = "storage.json";
const MARKER = "berth-storage.json";

type First = Pick<Paths, "data" | "instances" | "trash" | "images">;

export class Locations {
  readonly #first: First;
  #pointer: Pointer;

  private constructor(first: First, pointer: Pointer) {
    this.#first = first;
    this.#pointer = pointer;
  }

  /** Throws where the file that says it cannot be read: a guess would show a user's instances as lost. */
  static async read(first: First): Promise<Locations> {
    const file = path.join(first.data, POINTER);
    let text: string;
    try {
      text = await readFile(file, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unreadable(file, error);
      return new Locations(first, { schema: 1, former: [] });
    }
    try {
      return new Locations(first, Pointer.parse(JSON.parse(text)));
    } catch (error) {
      throw unreadable(file, error);
    }
  }

  get owner(): string {
    return this.#first.data;
  }

  get instances(): string {
    return this.directoryAt("instances", this.placeOf("instances"));
  }

  get trash(): string {
    return this.trashAt(this.placeOf("instances"));
  }

  get images(): string {
    return this.directoryAt("images", this.placeOf("images"));
  }

  placeOf(what: Stored): Place {
    return this.#pointer[what];
  }

  directoryAt(what: Stored, place: Place): string {
    return place === undefined ? this.#first[what] : path.join(place, what);
  }

  trashAt(place: Place): string {
    return place === undefined ? this.#first.trash : path.join(place, "trash");
  }

  /** Where it lay before its last move, as far as something may be left there. */
  get former(): readonly { what: Stored; place: Place }[] {
    return this.#pointer.former.map(({ what, directory }) => ({ what, place: directory }));
  }

  async isPresent(what: Stored): Promise<boolean> {
    const place = this.placeOf(what);
    return place === undefined || (await this.markerAt(place)) !== undefined;
  }

  /** Throws where the disk of the place is not there. */
  async require(what: Stored): Promise<void> {
    if (await this.isPresent(what)) return;
    throw new EngineError(
      "no-resources",
      `cannot use the ${what}: their place ${this.placeOf(what)} is not there`,
      {
        hint: "Mount its disk, then: berth storage show",
      },
    );
  }

  /** Makes the directories that are missing, but none in a place whose disk is not there. */
  async prepare(): Promise<void> {
    if (!(await this.isPresent("instances"))) return;
    await privateDirectory(this.instances);
    await privateDirectory(this.trash);
  }

  /** What is not there, for everybody to see. */
  async problems(): Promise<Problem[]> {
    const problems: Problem[] = [];
    for (const what of Stored.options) {
      if (!(await this.isPresent(what))) problems.push(absent(what, this.placeOf(what) ?? ""));
    }
    return problems;
  }

  /** The marker of a directory, where it has one of ours. */
  async markerAt(place: string): Promise<Marker | undefined> {
    const marker = await readMarker(place);
    return marker?.owner === this.owner ? marker : undefined;
  }

  async mark(place: string, operation: string, made: boolean): Promise<void> {
    const marker: Marker = { schema: 1, owner: this.owner, operation, made };
    await writeFileDurable(path.join(place, MARKER), `${JSON.stringify(marker)}\n`);
  }

  /** The switch: when this resolves, all of these lie at the new place, for every later engine too. */
  async point(what: readonly Stored[], place: Place): Promise<void> {
    const former = [
      ...this.#pointer.former.filter((one) => !what.includes(one.what)),
      ...what.map((one) => ({ what: one, directory: this.placeOf(one) })),
    ];
    const moved = Object.fromEntries(what.map((one) => [one, place]));
    await this.#write({ ...this.#pointer, ...moved, former });
  }

  /** Nothing is left where it lay before. */
  async forgetFormer(what: Stored): Promise<void> {
    await this.#write({
      ...this.#pointer,
      former: this.#pointer.former.filter((one) => one.what !== what),
    });
  }

  async #write(pointer: Pointer): Promise<void> {
    await writeFileDurable(path.join(this.#first.data, POINTER), `${JSON.stringify(pointer)}\n`);
    this.#pointer = pointer;
  }
}

export function markerIn(place: string): string {
  return path.join(place, MARKER);
}

/** Whoever's it is; undefined where there is none that can be read. */
export async function readMarker(place: string): Promise<Marker | undefined> {
  try {
    return Marker.safeParse(JSON.parse(await readFile(markerIn(place), "utf8"))).data;
  } catch (error) {
    if (error instanceof SyntaxError || !(await exists(markerIn(place)))) return undefined;
    throw error;
  }
}

function absent(what: Stored, place: string): Problem {
  return {
    code: "storage-absent",
    severity: "error",
    message: `the ${what} lie in ${place}, which is not there`,
    hint: "Mount its disk, then: berth storage show",
  };
}

function unreadable(file: string, cause: unknown): EngineError {
  const reason = `cannot find the instances: ${file} cannot be read: ${messageOf(cause)}`;
  return new EngineError("internal", reason, {
    hint: 'It names where they lie: {"schema":1,"instances":"/DIR","images":"/DIR"}. Without it they are looked for where they lay at first.',
    cause,
  });
}
