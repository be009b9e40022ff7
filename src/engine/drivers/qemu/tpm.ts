/**
 * A TPM of the guest's own: a swtpm beside its QEMU, with its state in the instance's directory. It leaves when QEMU
 * closes its connection, so it outlives the engine as the guest does.
 */
import { rm } from "node:fs/promises";
import path from "node:path";
import { sleep } from "../../../base/async.ts";
import { exists, privateDirectory } from "../../../base/durable.ts";
import { EngineError } from "../../../base/errors.ts";
import {
  identify,
  type ProcessIdentity,
  sameProcess,
  signalProcess,
} from "../../../base/process-identity.ts";
import { startDetached } from "../../../base/run.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import { DRIVER_LOG } from "./exit.ts";
import { TPM_FOLDER } from "./files.ts";
import { findProgram } from "./host.ts";
import { tpmSocketOf } from "./monitor.ts";

export type RunningTpm = { process: ProcessIdentity; socket: string };

/** How long a swtpm may take to listen, and how often that is looked at. */
const LISTEN_MS = 5_000;
const LOOK_MS = 10;

export function findSwtpm(platform: NodeJS.Platform): Promise<string | undefined> {
  return findProgram("swtpm", platform);
}

export function swtpmHint(platform: NodeJS.Platform): string {
  if (platform === "darwin") return "Install it: brew install swtpm";
  if (platform === "win32") return "Launch it without a TPM: there is no swtpm for Windows.";
  return "Install it: sudo apt install swtpm (Debian, Ubuntu) or sudo dnf install swtpm (Fedora)";
}

/** The state's folder is named relative to where it runs: swtpm has no way to quote a comma. */
export function swtpmArgv(program: string, socket: string): string[] {
  const control = ["--ctrl", `type=unixio,path=${socket},mode=0600`];
  return [
    program,
    "socket",
    "--tpm2",
    "--tpmstate",
    `dir=${TPM_FOLDER},mode=0600`,
    ...control,
    "--terminate",
  ];
}

export async function startTpm(
  ctx: Ctx,
  instance: DriverInstance,
  platform: NodeJS.Platform,
): Promise<RunningTpm> {
  const { name, directory } = instance;
  const program = await findSwtpm(platform);
  if (!program) {
    const reason = `cannot start ${name}: swtpm, which makes its TPM, is not installed`;
    throw new EngineError("missing-dependency", reason, { hint: swtpmHint(platform) });
  }
  const socket = tpmSocketOf(instance);
  if (socket.includes(",")) {
    throw new EngineError(
      "not-supported",
      `cannot start ${name}: swtpm takes no path with a comma: ${socket}`,
    );
  }
  await rm(socket, { force: true });
  await privateDirectory(path.join(directory, TPM_FOLDER));
  const logFile = path.join(directory, DRIVER_LOG);
  const child = await startDetached(swtpmArgv(program, socket), { logFile, cwd: directory });
  const process = await identify(child.pid);
  try {
    for (let waited = 0; process && waited < LISTEN_MS; waited += LOOK_MS) {
      if (await exists(socket)) return { process, socket };
      if (!sameProcess(await identify(child.pid), process)) break;
      await sleep(LOOK_MS, ctx.signal);
    }
  } catch (error) {
    signalProcess(child.pid, "SIGKILL");
    throw error;
  }
  signalProcess(child.pid, "SIGKILL");
  throw new EngineError("driver-failed", `cannot start ${name}: its TPM does not start`, {
    hint: `Look at its driver log: berth log ${name} --source driver`,
  });
}

/** One that its QEMU never came to. */
export async function endTpm(tpm: RunningTpm | undefined): Promise<void> {
  if (!tpm || !sameProcess(await identify(tpm.process.pid), tpm.process)) return;
  signalProcess(tpm.process.pid, "SIGKILL");
}
