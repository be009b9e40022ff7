/** launch and list. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { LaunchSpec } from "../api/instance.ts";
import { MINIMUM_DISK_BYTES, MINIMUM_MEMORY_BYTES } from "../api/limits.ts";
import { NAME_PATTERN, NAME_RULE } from "../api/names.ts";
import { EngineError } from "../base/errors.ts";
import { formatBytes, parseSize } from "../base/units.ts";
import { containerLaunch, containerNetworks } from "./container-options.ts";
import { type AnyFormat, FORMATS } from "./formats.ts";
import { addOwnLaunchOptions, networkSpec, type OwnLaunchOptions, ownLaunchSpec } from "./launch-options.ts";
import { formatOption, repeated, timeoutOption } from "./options.ts";
import { launchMounts, launchNamed } from "./primary.ts";
import type { Session } from "./session.ts";

type LaunchOptions = {
  name?: string;
  cpus?: number;
  memory?: string;
  mem?: string;
  disk?: string;
  timeout?: number;
  mount?: string[];
  zone?: string;
  network?: string[];
  bridged?: boolean;
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
    .option("-c, --cpus <cpus>", "number of CPUs (default: 1)", cpuCount)
    .option("-m, --memory <size>", "memory, such as 512M or 2G (default: 1G)")
    .addOption(new Option("--mem <size>").hideHelp())
    .option("-d, --disk <size>", "disk, such as 20G (default: 5G)")
    .option("--cloud-init <file>", "cloud-init user-data: a file, a URL, or - for standard input")
    .option("--mount <source:target>", "a directory of this host to show in it; may be repeated", repeated)
    .option(
      "--network <spec>",
      "what it reaches: default, nat (no other instances), private:NAME (only those of that network), isolated (nothing); or a NIC on a network of this host: NAME, bridged, or name=NAME,mode=auto|manual,mac=ADDRESS; may be repeated",
      repeated,
    )
    .option("--bridged", "one `--network bridged`")
    .option("--zone <zone>", "availability zone to launch it in; the zones take turns when left out");
  timeoutOption(launching);
  if (session.dialect === "berth") {
    addOwnLaunchOptions(launching);
    launching.argument("[command...]", "the command of a container and its arguments, after --");
    launching.action((image: string, command: string[], options: LaunchOptions) =>
      launch(session, image, options, command),
    );
  } else launching.action((image: string, options: LaunchOptions) => launch(session, image, options));

  formatOption(
    program
      .command("list")
      .alias("ls")
      .description("List all instances, or snapshots")
      .option("--snapshots", "list snapshots instead")
      .addOption(new Option("--no-ipv4").hideHelp()),
    FORMATS,
  ).action((options: ListOptions) => list(session, options));
}

type ListOptions = { format: AnyFormat; snapshots?: boolean; ipv4: boolean };

async function list(session: Session, { format, snapshots, ipv4 }: ListOptions): Promise<void> {
  if (snapshots && !ipv4)
    throw new EngineError(
      "invalid-argument",
      "IP addresses are not applicable in conjunction with snapshots",
    );
  const { api } = await session.client();
  if (snapshots) {
    session.print(session.formats.snapshots((await api.snapshots.list({})).items, format));
    return;
  }
  const items = sorted((await api.instances.list()).items, await session.primaryName());
  session.print(session.formats.list(items, format, { addresses: ipv4 }));
}

/** The primary one first, then by name. Pure. */
export function sorted<T extends { name: string }>(items: readonly T[], primary: string): T[] {
  const first = ({ name }: T) => (name === primary ? 0 : 1);
  return [...items].sort((a, b) => first(a) - first(b) || a.name.localeCompare(b.name));
}

function cpuCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`${text} is not a valid number of CPUs.`);
}

async function launch(
  session: Session,
  image: string,
  options: LaunchOptions,
  command: readonly string[] = [],
): Promise<void> {
  const sizes = sizesOf(session, options);
  if (options.name !== undefined && !NAME_PATTERN.test(options.name)) {
    throw new EngineError("invalid-argument", `Invalid instance name supplied: ${options.name}`, {
      hint: NAME_RULE,
    });
  }
  const { name, cpus, timeout } = options;
  const userData =
    typeof options.cloudInit === "string" ? await session.userData(options.cloudInit) : undefined;
  const mounts = await launchMounts(session, name, options.mount);
  const installs = options.iso !== undefined && image === "default";
  const own = session.dialect === "berth" ? containerLaunch(image, options, command, process.env) : undefined;
  const spec: LaunchSpec = {
    ...(own ?? (installs ? {} : { image })),
    ...sizes,
    ...(mounts.length > 0 ? { mounts } : {}),
    ...(own?.container ? containerNetworks(own.container, options) : networkSpec(options, session.dialect)),
    ...(name === undefined ? {} : { name }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout * 1000 }),
    ...(userData === undefined ? {} : { userData }),
    ...(options.zone === undefined ? {} : { zone: options.zone }),
    ...ownLaunchSpec(options),
  };
  // The engine gives up, too: a guest that nobody waits for any more is shown as not ready.
  session.hasDeadline = timeout !== undefined;
  await launchNamed(session, spec);
}

function sizesOf(session: Session, options: LaunchOptions): Pick<LaunchSpec, "memoryBytes" | "diskBytes"> {
  const { memory = options.mem, disk, mem } = options;
  if (mem !== undefined)
    session.note(
      'Warning: the "--mem" long option is deprecated in favour of "--memory". Please update any scripts, etc.',
    );
  const parse = (text: string, what: "memory" | "disk", least: number) => {
    // Multipass speaks of a memory size wherever it reads a size.
    const bytes = parseSize(text, session.dialect === "multipass" ? "memory" : what);
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
