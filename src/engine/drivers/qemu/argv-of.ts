/** QEMU's command line for an instance as its start finds it: where its files and its sockets are. Pure. */
import type { DriverInstance } from "../driver.ts";
import { FIRST_DISK } from "../points.ts";
import { qemuArgv } from "./argv.ts";
import { extraDiskFile, filesOf } from "./files.ts";
import { consoleSocketOf, screenSocketOf } from "./monitor.ts";
import type { Boot } from "./note-run.ts";
import type { Toolchain } from "./probe.ts";

export function argvOf(
  platform: NodeJS.Platform,
  instance: DriverInstance,
  { program, accelerator }: Toolchain,
  how: Boot,
  machine?: string,
): string[] {
  const { disk, seed, serialLog, variables } = filesOf(instance);
  const { firmware, tpm, keys } = how;
  const encrypted = keys !== undefined;
  const awaited = (disk: string) => instance.awaited?.find(({ id }) => id === disk)?.socket;
  return qemuArgv({
    ...{ ...instance, platform, program, accelerator, keys },
    ...{ shares: how.shares, lan: how.lan, incoming: how.suspended !== undefined, machine },
    disks: instance.disks.map((one) => ({
      ...{ ...one, file: extraDiskFile(instance, one), encrypted },
      awaited: awaited(one.id),
    })),
    files: {
      ...{ disk, awaited: awaited(FIRST_DISK), seed, serialLog, monitor: how.monitor.argument },
      ...{
        console: consoleSocketOf(instance),
        vnc: screenSocketOf(instance),
        medium: instance.medium,
        tpm: tpm?.socket,
      },
      firmware: firmware && { code: firmware.code, variables },
    },
  });
}
