/**
 * Builds a bootable cloud image from a distribution's packages, without loop devices or mounts: packages → tar →
 * directory → ext4 inside a GPT disk with GRUB for BIOS and UEFI → compressed qcow2. Needs root, or a user namespace
 * with subordinate ids.
 */
import { chmod, mkdir, open, rm, statfs, writeFile } from "node:fs/promises";
import path from "node:path";
import { withDeadline } from "../../base/async.ts";
import { privateDirectory } from "../../base/durable.ts";
import { EngineError, messageOf, toEngineError } from "../../base/errors.ts";
import { noSpace, RunError, type RunOptions, run } from "../../base/run.ts";
import { formatBytes } from "../../base/units.ts";
import type { Ctx } from "../ctx.ts";
import { bootRecord, type Layout, layoutFor, placeCore, SECTOR, sfdiskScript } from "./boot-disk.ts";
import { GRUB, hostSources, KEYRING, requireBuildTools, toolEnvironment } from "./build-tools.ts";
import { EARLY_FILES, type Recipe, ROOT_LABEL } from "./recipes.ts";

/** A build that takes longer than this hangs: on two slow cores it takes about two minutes. */
const DEADLINE_MS = 30 * 60_000;
/** Cancelling must end the tool's children too, and soon: `timeout` passes signals on to its whole process group. */
const WHOLE_GROUP = ["timeout", "--kill-after=2", String(DEADLINE_MS / 1000)];
/** The package tree twice (archive and directory), the file system and the result. */
const NEEDED_BYTES = 2.5 * 2 ** 30;

export type BuildRequest = {
  recipe: Recipe;
  /** Where the image goes; must not exist. Its directory must be on a disk with room for the work beside it. */
  output: string;
  /** An own directory for the work; created, and gone afterwards whatever happens. */
  workDirectory: string;
  /** Whether this process may act as root without a user namespace. */
  root?: boolean;
  platform: NodeJS.Platform;
};

/**
 * Progress phases: `packages`, `filesystem`, `bootloader`, `compress`. Rejects with `missing-dependency`,
 * `not-supported`, `no-resources`, `cancelled` or `driver-failed`; then no output is left.
 */
export async function buildImage(ctx: Ctx, request: BuildRequest): Promise<void> {
  const { recipe, output, workDirectory } = request;
  const what = recipe.reference;
  if (request.platform !== "linux") {
    throw new EngineError("not-supported", `cannot build ${what}: images are built on Linux only`, {
      hint: "Launch a published image instead, such as `berth launch debian`.",
    });
  }
  const root = request.root ?? process.getuid?.() === 0;
  await requireBuildTools(what, root);
  await privateDirectory(workDirectory);
  const deadline = withDeadline(DEADLINE_MS, ctx.signal);
  const job = new Job({ ...ctx, signal: deadline.signal }, workDirectory, root);
  try {
    await requireSpace(what, workDirectory);
    await job.packages(recipe);
    await job.filesystem(recipe);
    await job.compress(output);
  } catch (error) {
    await rm(output, { force: true });
    throw buildError(error, what, root);
  } finally {
    deadline.done();
    await job.clean();
  }
}

async function requireSpace(what: string, directory: string): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize >= NEEDED_BYTES) return;
  const free = formatBytes(bavail * bsize);
  throw new EngineError("no-resources", `cannot build ${what}: ${free} free in ${directory}`, {
    hint: `Free ${formatBytes(NEEDED_BYTES)} there, for example with \`berth image prune\`, then try again.`,
  });
}

function buildError(error: unknown, what: string, root: boolean): EngineError {
  if (!(error instanceof RunError)) return toEngineError(error, `build ${what}`);
  const full = noSpace(error, `build ${what}`);
  if (full) return full;
  const lines = error.stderr.trim().split("\n");
  const told = lines.filter((line) => /^(E:|Err:|W: Failed)|error/i.test(line)).slice(-3);
  const reason = told.length > 0 ? told.join("; ") : messageOf(error);
  const hint = root
    ? "Check that apt-get update works on this host, then try again."
    : "Without root a user namespace is needed: give this user ranges in /etc/subuid and /etc/subgid, or run the engine as root.";
  return new EngineError("driver-failed", `cannot build ${what}: ${reason}`, {
    hint,
    details: { stderr: lines.slice(-40).join("\n") },
    cause: error,
  });
}

/** One build in one work directory. */
class Job {
  readonly #ctx: Ctx;
  readonly #directory: string;
  readonly #root: boolean;

  constructor(ctx: Ctx, directory: string, root: boolean) {
    this.#ctx = ctx;
    this.#directory = directory;
    this.#root = root;
  }

  #file(name: string): string {
    return path.join(this.#directory, name);
  }

  #run(argv: readonly string[], options: RunOptions = {}) {
    const env = { ...toolEnvironment(), ...options.env };
    return run(argv, { signal: this.#ctx.signal, cwd: this.#directory, ...options, env });
  }

  /** Runs with the guest's owners visible: as root, or as the root of a user namespace in which we own root's files. */
  #asRoot(argv: readonly string[], options: RunOptions = {}) {
    const prefix = this.#root ? [] : ["unshare", "--user", "--map-root-user", "--map-auto", "--"];
    return this.#run([...prefix, ...argv], options);
  }

  /** Downloads, unpacks and configures the packages, then adds our files. */
  async packages(recipe: Recipe): Promise<void> {
    this.#ctx.progress({ phase: "packages" });
    const sources = await hostSources(recipe.codename);
    const early = Object.entries(EARLY_FILES).map(([file, text]) => earlyFileHook(file, text));
    const argv = [
      ...WHOLE_GROUP,
      "mmdebstrap",
      `--mode=${await this.#mode()}`,
      "--variant=minbase",
      "--architectures=amd64",
      "--skip=output/dev",
      ...early.map((hook) => `--essential-hook=${hook}`),
      `--include=${recipe.packages.join(",")}`,
      ...(sources.length > 0 ? [] : [`--keyring=${KEYRING}`]),
      recipe.codename,
      this.#file("rootfs.tar"),
      ...sources,
    ];
    this.#ctx.log.info("building image from packages", { recipe: recipe.reference, sources });
    await this.#run(argv, {
      // Root's own scratch tree goes where the space was checked; a user namespace could not enter it.
      env: this.#root ? { TMPDIR: this.#directory } : {},
      onStderrLine: (line) => {
        const message = /^I: (?!running --)(.+)$/.exec(line)?.[1];
        if (message) this.#ctx.progress({ phase: "packages", message });
      },
    });
    await mkdir(this.#file("rootfs"));
    const unpack = [
      "--extract",
      "--numeric-owner",
      "--preserve-permissions",
      "--xattrs",
      "--xattrs-include=*",
    ];
    await this.#asRoot(["tar", ...unpack, "--file", "rootfs.tar", "--directory", "rootfs"]);
    await rm(this.#file("rootfs.tar"));
    await this.#addFiles(recipe);
  }

  /** Namespaces of its own end everything in them with it and keep its mounts from this host; containers may lack them. */
  async #mode(): Promise<"unshare" | "root"> {
    if (!this.#root) return "unshare";
    try {
      await this.#run(["unshare", "--mount", "--pid", "--fork", "--propagation", "unchanged", "--", "true"]);
      return "unshare";
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      return "root";
    }
  }

  async #addFiles(recipe: Recipe): Promise<void> {
    const rootfs = this.#file("rootfs");
    // Only the mount point: the kernel fills it.
    await mkdir(path.join(rootfs, "dev"), { recursive: true, mode: 0o755 });
    for (const [file, text] of Object.entries(recipe.files)) {
      const target = path.join(rootfs, file);
      await mkdir(path.dirname(target), { recursive: true, mode: 0o755 });
      await writeFile(target, text);
      await chmod(target, 0o644);
    }
    // Made anew in every guest: identities that must differ. An empty machine-id makes systemd write its own.
    await this.#asRoot(["find", "rootfs/etc/ssh", "-name", "ssh_host_*", "-delete"]);
    await writeFile(path.join(rootfs, "etc/machine-id"), "");
    await rm(path.join(rootfs, "var/lib/dbus/machine-id"), { force: true });
  }

  /** Makes the whole disk as a sparse raw file. */
  async filesystem(recipe: Recipe): Promise<void> {
    this.#ctx.progress({ phase: "filesystem" });
    const layout = layoutFor(recipe.virtualBytes);
    const handle = await open(this.#file("disk.raw"), "wx", 0o600);
    await handle.truncate(layout.sectors * SECTOR).finally(() => handle.close());
    await this.#run(["sfdisk", "--quiet", "disk.raw"], { input: sfdiskScript(layout) });
    const { start, size } = layout.root;
    const options = `offset=${start * SECTOR},root_owner=0:0`;
    const label = ["-q", "-t", "ext4", "-L", ROOT_LABEL];
    await this.#asRoot([
      "mke2fs",
      ...label,
      "-E",
      options,
      "-d",
      "rootfs",
      "disk.raw",
      `${(size * SECTOR) / 1024}K`,
    ]);
    await this.#bootloader(layout);
  }

  async #bootloader(layout: Layout): Promise<void> {
    this.#ctx.progress({ phase: "bootloader" });
    await writeFile(this.#file("early.cfg"), EARLY_CFG);
    const common = ["-p", "/boot/grub", "-c", "early.cfg"];
    const modules = ["part_gpt", "ext2", "search", "search_label", "normal", "configfile", "linux", "test"];
    const console = ["serial", "terminal"];
    await this.#run([
      "grub-mkimage",
      "-O",
      "i386-pc",
      "-o",
      "core.img",
      ...common,
      "biosdisk",
      ...modules,
      ...console,
    ]);
    await this.#run([
      "grub-mkimage",
      "-O",
      "x86_64-efi",
      "-o",
      "bootx64.efi",
      ...common,
      "fat",
      "all_video",
      ...modules,
      ...console,
    ]);
    const esp = `disk.raw@@${layout.efi.start * SECTOR}`;
    const env = { MTOOLS_SKIP_CHECK: "1" };
    await this.#run(
      ["mformat", "-i", esp, "-T", String(layout.efi.size), "-h", "64", "-s", "32", "-v", "ESP", "::"],
      { env },
    );
    await this.#run(["mmd", "-i", esp, "::/EFI", "::/EFI/BOOT"], { env });
    await this.#run(["mcopy", "-i", esp, "bootx64.efi", "::/EFI/BOOT/BOOTX64.EFI"], { env });
    await writeBootSectors(this.#directory, layout);
  }

  async compress(output: string): Promise<void> {
    this.#ctx.progress({ phase: "compress" });
    const format = ["-O", "qcow2", "-c", "-o", "compression_type=zstd"];
    await this.#run(["qemu-img", "convert", "-f", "raw", ...format, "disk.raw", output]);
  }

  /** Removes the work, also after cancellation: this must not be cancelled itself. */
  async clean(): Promise<void> {
    const signal = AbortSignal.timeout(60_000);
    // What ended badly may have left mounts of this host's own directories: never step into another filesystem.
    const argv = ["rm", "-rf", "--one-file-system", this.#directory];
    await this.#asRoot(argv, { signal, cwd: "/" }).catch((error: unknown) =>
      this.#ctx.log.warn("cannot remove build directory", { error: messageOf(error) }),
    );
  }
}

/** Finds the root file system wherever the disk is attached. */
const EARLY_CFG = `search --no-floppy --label --set=root ${ROOT_LABEL}
set prefix=($root)/boot/grub
if serial --unit=0 --speed=115200; then
  terminal_output console serial
fi
configfile ($root)/boot/grub/grub.cfg
`;

/** A shell command for mmdebstrap that writes a file of ours into the tree; both texts are constants of `recipes.ts`. */
function earlyFileHook(file: string, text: string): string {
  const quoted = text.replaceAll("'", "'\\''");
  return `mkdir -p "$1${path.posix.dirname(file)}" && printf '%s' '${quoted}' > "$1${file}"`;
}

async function writeBootSectors(directory: string, layout: Layout): Promise<void> {
  const disk = await open(path.join(directory, "disk.raw"), "r+");
  try {
    const existing = Buffer.alloc(SECTOR);
    await disk.read(existing, 0, SECTOR, 0);
    const bootImage = await readWhole(path.join(GRUB, "i386-pc/boot.img"));
    const core = await readWhole(path.join(directory, "core.img"));
    const { start, size } = layout.bios;
    await disk.write(bootRecord(bootImage, existing, start), 0, SECTOR, 0);
    const placed = placeCore(core, start, size);
    await disk.write(placed, 0, placed.length, start * SECTOR);
  } finally {
    await disk.close();
  }
}

async function readWhole(file: string): Promise<Buffer> {
  const handle = await open(file, "r");
  return handle.readFile().finally(() => handle.close());
}
