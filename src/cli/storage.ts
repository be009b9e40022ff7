/** storage: where data, instances and images lie, and moving them. */
import path from "node:path";
import { type Command, Option } from "commander";
import type { StorageMove, StoragePlace, Stored } from "../api/storage.ts";
import { EngineError } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";
import { type Format, json, table } from "./format.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";

type MoveOptions = {
  instances?: boolean;
  images?: boolean;
  all?: boolean;
  back?: boolean;
  suspend?: boolean;
  stop?: boolean;
};

export function addStorageCommands(program: Command, session: Session): void {
  const storage = program.command("storage").description("Tell where instances and images lie, or move them");
  formatOption(
    storage.command("show").description("Show the places, their sizes and their free space"),
  ).action(async ({ format }: { format: Format }) => {
    const { api } = await session.client();
    session.print(formatPlaces((await api.storage.show()).items, format));
  });
  storage
    .command("move")
    .description("Move instances and images to another directory, such as one on a bigger disk")
    .argument("[directory]", "an empty one, or one that does not exist yet")
    .option("--instances", "the instances only, with their snapshots and the trash")
    .option("--images", "the cached images only")
    .option("--all", "both, which is the default")
    .option("--back", "back to where they were at first, instead of a directory")
    .addOption(
      new Option("--suspend", "suspend running instances, and resume them afterwards").conflicts("stop"),
    )
    .addOption(new Option("--stop", "stop running instances, and start them afterwards").conflicts("suspend"))
    .action(async (directory: string | undefined, options: MoveOptions) => {
      const move = moveOf(directory, options, process.cwd());
      await session.operate((api) => api.storage.move(move));
      session.print(`Moved: ${move.what.join(" and ")} to ${move.directory ?? "the first place"}`);
    });
}

/** What the options ask for. Pure. */
export function moveOf(directory: string | undefined, options: MoveOptions, cwd: string): StorageMove {
  if ((directory === undefined) !== (options.back ?? false)) {
    throw new EngineError("invalid-argument", "cannot move: give a directory, or --back, and not both", {
      hint: "berth storage move /mnt/big/berth",
    });
  }
  const only = (["instances", "images"] as const).filter((one) => options[one]);
  const what: Stored[] = options.all || only.length === 0 ? ["instances", "images"] : only;
  const running = options.suspend ? "suspend" : options.stop ? "stop" : "refuse";
  return { what, running, ...(directory === undefined ? {} : { directory: path.resolve(cwd, directory) }) };
}

/** Pure. */
export function formatPlaces(places: readonly StoragePlace[], format: Format): string {
  if (format === "json") return json({ storage: places });
  return table(
    ["What", "Used", "Free", "Directory"],
    places.map(({ what, usedBytes, freeBytes, present, directory }) => [
      what,
      present ? formatBytes(usedBytes) : "--",
      freeBytes === undefined ? "--" : formatBytes(freeBytes),
      present ? directory : `${directory} (not there: mount its disk)`,
    ]),
  );
}
