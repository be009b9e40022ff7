/**
 * Directories of this host that QEMU offers its guest by itself: as virtiofs where a virtiofsd runs on this host, which
 * is quicker and needs no file system beyond what most kernels bring, else as 9p. Offered from a start to its end.
 */
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import path from "node:path";
import { sleep } from "../../../base/async.ts";
import { exists } from "../../../base/durable.ts";
import { identify, sameProcess, signalProcess } from "../../../base/process-identity.ts";
import { type DetachedChild, run, startDetached, which } from "../../../base/run.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import { DRIVER_LOG } from "./exit.ts";

/** A directory as a guest is offered it; `socket` leads to the virtiofsd that serves it. */
export type Share = { target: string; source: string; tag: string } & (
  | { filesystem: "9p" }
  | { filesystem: "virtiofs"; socket: string }
);

export type Virtiofsd = { program: string; flavour: "c" | "rust" };

/** How long a virtiofsd may take to listen, and how often that is looked at. */
const LISTEN_MS = 3_000;
const LOOK_MS = 10;
const HELP_MS = 3_000;

/** Where distributions put it, off the PATH. */
const VIRTIOFSD_PLACES = ["/usr/libexec/virtiofsd", "/usr/lib/virtiofsd", "/usr/lib/qemu/virtiofsd"];

/** undefined where there is none, or none that could serve: the one in C, of QEMU until 7.2, must be root. */
export async function findVirtiofsd(signal: AbortSignal): Promise<Virtiofsd | undefined> {
  for (const place of ["virtiofsd", ...VIRTIOFSD_PLACES]) {
    const program = await which(place);
    if (!program) continue;
    const help = await run([program, "--help"], {
      signal: AbortSignal.any([signal, AbortSignal.timeout(HELP_MS)]),
    })
      .then(({ stdout }) => stdout)
      .catch(() => "");
    if (help.includes("--shared-dir")) return { program, flavour: "rust" };
    if (help.includes("source=PATH") && process.geteuid?.() === 0) return { program, flavour: "c" };
  }
  return undefined;
}

/** Guests find a share by its tag, which is at most 36 bytes for virtiofs and 31 for 9p. */
export function tagOf(target: string): string {
  return `berth-${createHash("sha256").update(target).digest("hex").slice(0, 12)}`;
}

export function virtiofsdArgv({ program, flavour }: Virtiofsd, source: string, socket: string): string[] {
  if (flavour === "rust") return [program, `--socket-path=${socket}`, `--shared-dir=${source}`];
  return [program, "-f", `--socket-path=${socket}`, "-o", `source=${source}`];
}

/** A virtiofsd leaves when its QEMU does; these are for a start that fails. */
export type Served = { shares: Share[]; end(): Promise<void> };

/** One that cannot be served as virtiofs is offered as 9p. */
export async function serveShares(
  ctx: Ctx,
  instance: DriverInstance,
  virtiofsd: Virtiofsd | undefined,
): Promise<Served> {
  const children: DetachedChild[] = [];
  const end = async () => {
    for (const { pid, exited } of children) {
      signalProcess(pid, "SIGKILL");
      await exited.catch(() => {});
    }
  };
  const shares: Share[] = [];
  try {
    for (const { source, target } of instance.shares) {
      const own = { source, target, tag: tagOf(target) };
      const socket = path.join(instance.runDirectory, `${instance.id.slice(0, 8)}.${shares.length}.vfs`);
      const child =
        virtiofsd && (await listening(ctx, instance, virtiofsdArgv(virtiofsd, source, socket), socket));
      if (child) children.push(child);
      shares.push(child ? { ...own, filesystem: "virtiofs", socket } : { ...own, filesystem: "9p" });
    }
  } catch (error) {
    await end();
    throw error;
  }
  return { shares, end };
}

async function listening(
  ctx: Ctx,
  instance: DriverInstance,
  argv: string[],
  socket: string,
): Promise<DetachedChild | undefined> {
  await rm(socket, { force: true });
  const logFile = path.join(instance.directory, DRIVER_LOG);
  const child = await startDetached(argv, { logFile, cwd: instance.directory }).catch(() => undefined);
  if (!child) return undefined;
  const identity = await identify(child.pid);
  for (let waited = 0; waited < LISTEN_MS; waited += LOOK_MS) {
    if (await exists(socket)) return child;
    if (!identity || !sameProcess(await identify(child.pid), identity)) break;
    await sleep(LOOK_MS, ctx.signal);
  }
  signalProcess(child.pid, "SIGKILL");
  ctx.log.warn("virtiofsd does not serve; 9p is offered instead", { argv });
  return undefined;
}
