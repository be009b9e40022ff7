/** What a helper finds on a backup's disks, as `lsblk --json` tells it. Pure; a guest says it, so it is checked. */
import * as z from "zod";
import { EngineError } from "../../../base/errors.ts";

/** Where a file system lies, and what others may call it by. */
export type FoundSystem = {
  device: string;
  type: string;
  /** What it is shown as. */
  volume: string;
  uuid?: string | undefined;
  label?: string | undefined;
  partUuid?: string | undefined;
  partLabel?: string | undefined;
};

const Text = z.string().max(4096).nullish();

type Device = {
  name: string;
  fstype?: string | null | undefined;
  uuid?: string | null | undefined;
  label?: string | null | undefined;
  partuuid?: string | null | undefined;
  partlabel?: string | null | undefined;
  children?: Device[] | undefined;
};

const DeviceSchema: z.ZodType<Device> = z.object({
  name: z.string().regex(/^\/dev\/[A-Za-z0-9_+.:/-]{1,200}$/),
  ...{ fstype: Text, uuid: Text, label: Text, partuuid: Text, partlabel: Text },
  get children() {
    return z.array(DeviceSchema).optional();
  },
});

const Listing = z.object({ blockdevices: z.array(DeviceSchema).max(1000) });

/** Those that Linux mounts without more than itself, and how they are mounted so that nothing is written. */
const READ_ONLY: Readonly<Record<string, string>> = {
  ext2: "ro",
  ext3: "ro",
  ext4: "ro",
  // A helper may know another of the same id: its own.
  xfs: "ro,nouuid",
  btrfs: "ro",
  f2fs: "ro",
  vfat: "ro",
  exfat: "ro",
  ntfs: "ro",
  iso9660: "ro",
  udf: "ro",
};

export function mountOptions({ type }: Pick<FoundSystem, "type">): string {
  return READ_ONLY[type] ?? "ro";
}

/** In the order of the disks; each once, however many of these it lies on. */
export function systemsIn(text: string): { systems: FoundSystem[]; locked: string[] } {
  const found = new Map<string, Device>();
  const visit = (device: Device) => {
    if (!found.has(device.name)) found.set(device.name, device);
    for (const child of device.children ?? []) visit(child);
  };
  for (const device of listed(text)) visit(device);
  const all = [...found.values()];
  return {
    systems: all.filter(({ fstype }) => Object.hasOwn(READ_ONLY, fstype ?? "")).map(systemOf),
    locked: all.filter(({ fstype }) => fstype === "crypto_LUKS").map(({ name }) => volumeOf(name)),
  };
}

function listed(text: string): Device[] {
  try {
    return Listing.parse(JSON.parse(text)).blockdevices;
  } catch (cause) {
    throw new EngineError(
      "driver-failed",
      "cannot see what is on the backup's disks: lsblk does not tell it",
      {
        cause,
      },
    );
  }
}

function systemOf({ name, fstype, uuid, label, partuuid, partlabel }: Device): FoundSystem {
  return {
    ...{ device: name, type: fstype ?? "", volume: volumeOf(name) },
    ...{ uuid: uuid ?? undefined, label: label ?? undefined },
    ...{ partUuid: partuuid ?? undefined, partLabel: partlabel ?? undefined },
  };
}

/** `/dev/vdb1` is `vdb1`, `/dev/mapper/data-home` is `data-home`. */
function volumeOf(device: string): string {
  return device.slice(device.lastIndexOf("/") + 1);
}
