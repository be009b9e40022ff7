/** launch, list and info. */
import { type Command, Option } from "commander";
import type { LaunchSpec } from "../api/instance.ts";
import { NAME_PATTERN, NAME_RULE } from "../api/names.ts";
import { EngineError } from "../base/errors.ts";
import { formatBytes, parseSize } from "../base/units.ts";
import type { InfoItem } from "./format.ts";
import { type AnyFormat, FORMATS } from "./formats.ts";
import { addOwnLaunchOptions, type OwnLaunchOptions, ownLaunchSpec } from "./launch-options.ts";
import { launchMounts } from "./mounts.ts";
import { formatOption, repeated, wholeNumber } from "./options.ts";
import { forEach, type Session } from "./session.ts";
import { findSnapshot, snapshotReference } from "./snapshots.ts";
import { readUserData } from "./user-data.ts";

type LaunchOptions = {
  name?: string;
  cpus?: number;
  memory?: string;
  disk?: string;
  cloudInit?: string;
  timeout?: number;
  mount?: string[];
  zone?: string;
} & OwnLaunchOptions;

export function addInstanceCommands(program: Command, session: Session): void {
  const launching = program
    .command("launch")
    .description("Create and start an instance")
    .argument(
      "[image]",
      "what to launch: 24.04, noble, lts, debian, release:24.04, file:///…, https://…",
      "default",
    )
    .option("-n, --name <name>", "name of the instance; generated when left out")
    .option("-c, --cpus <cpus>", "number of CPUs (default: 1)", wholeNumber("CPUs"))
    .option("-m, --memory <size>", "memory, such as 512M or 2G (default: 1G)")
    .option("-d, --disk <size>", "disk, such as 20G (default: 5G)")
    .option("--cloud-init <file>", "cloud-init user-data: a file, a URL, or - for standard input")
    .option("--mount <source:target>", "a directory of this host to show in it; may be repeated", repeated)
    .option("--zone <zone>", "availability zone to launch it in; the zones take turns when left out")
    .addOption(
      new Option("--timeout <seconds>", "how long to wait until the instance is ready").argParser(
        wholeNumber("seconds"),
      ),
    )
    .action(async (image: string, options: LaunchOptions) => launch(session, image, options));
  if (session.dialect === "berth") addOwnLaunchOptions(launching);

  formatOption(
    program
      .command("list")
      .alias("ls")
      .description("List all instances, or snapshots")
      .option("--snapshots", "list snapshots instead"),
    FORMATS,
  ).action(async (options: { format: AnyFormat; snapshots?: boolean }) => {
    const { api } = await session.client();
    if (options.snapshots) {
      session.print(session.formats.snapshots((await api.snapshots.list({})).items, options.format));
      return;
    }
    const { items } = await api.instances.list();
    session.print(session.formats.list(sorted(items), options.format));
  });

  formatOption(
    program
      .command("info")
      .description("Display information about instances")
      .argument(
        "[names...]",
        "instances, or snapshots as instance.snapshot; all instances when none is named",
      )
      .option("--snapshots", "tell of the snapshots of the instances instead"),
    FORMATS,
  ).action(async (names: string[], options: { format: AnyFormat; snapshots?: boolean }) =>
    options.snapshots || names.some((name) => snapshotReference(name))
      ? snapshotInfo(session, names, options.format)
      : info(session, names, options.format),
  );
}

function sorted<T extends { name: string }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => a.name.localeCompare(b.name));
}

async function launch(session: Session, image: string, options: LaunchOptions): Promise<void> {
  const sizes = await sizesOf(options);
  if (options.name !== undefined && !NAME_PATTERN.test(options.name)) {
    throw new EngineError("invalid-argument", `Invalid instance name supplied: ${options.name}`, {
      hint: NAME_RULE,
    });
  }
  const mounts = launchMounts(options.name, options.mount);
  const spec: LaunchSpec = {
    image,
    ...sizes,
    ...(mounts.length > 0 ? { mounts } : {}),
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.cpus === undefined ? {} : { cpus: options.cpus }),
    ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout * 1000 }),
    ...(options.cloudInit === undefined ? {} : { userData: await readUserData(session, options.cloudInit) }),
    ...(options.zone === undefined ? {} : { zone: options.zone }),
    ...ownLaunchSpec(options),
  };
  const { target } = await session.operate((api) => api.instances.launch(spec));
  session.print(`Launched: ${target}${await placeOf(session, target)}`);
}

/** Multipass tells the zone. */
async function placeOf(session: Session, name: string): Promise<string> {
  if (session.dialect === "berth") return "";
  const { api } = await session.client();
  return ` in ${(await api.instances.get({ name })).zone.name}`;
}

async function sizesOf({
  memory,
  disk,
}: LaunchOptions): Promise<Pick<LaunchSpec, "memoryBytes" | "diskBytes">> {
  const { MINIMUM_DISK_BYTES, MINIMUM_MEMORY_BYTES } = await import("../api/instance.ts");
  const parse = (text: string, what: string, least: number) => {
    const bytes = parseSize(text, what);
    if (bytes >= least) return bytes;
    throw new EngineError("invalid-argument", `${text} is too small a ${what} size`, {
      hint: `Ask for at least ${formatBytes(least)}.`,
    });
  };
  return {
    ...(memory === undefined ? {} : { memoryBytes: parse(memory, "memory", MINIMUM_MEMORY_BYTES) }),
    ...(disk === undefined ? {} : { diskBytes: parse(disk, "disk", MINIMUM_DISK_BYTES) }),
  };
}

/** Of the snapshots named, and of all those of the instances named; of every one where none is. */
async function snapshotInfo(session: Session, names: string[], format: AnyFormat): Promise<void> {
  const { api } = await session.client();
  const all = async (instance?: string) =>
    (await api.snapshots.list(instance === undefined ? {} : { instance })).items;
  const items = names.length === 0 ? await all() : [];
  for (const name of new Set(names)) {
    const reference = snapshotReference(name);
    items.push(...(reference ? [await findSnapshot(session, reference)] : await all(name)));
  }
  session.print(session.formats.snapshotInfo(items, format));
}

/** One instance that cannot be asked does not hide the others: they are printed, then the failure. */
async function info(session: Session, names: string[], format: AnyFormat): Promise<void> {
  const { api } = await session.client();
  const wanted =
    names.length > 0
      ? [...new Set(names)]
      : sorted((await api.instances.list()).items).map((item) => item.name);
  const print = (items: InfoItem[]) => session.print(session.formats.info(items, format));
  const items = await forEach(
    wanted,
    async (name): Promise<InfoItem> => ({
      instance: await api.instances.get({ name }),
      details: await api.instances.details({ name }),
    }),
    print,
  );
  print(items);
}
