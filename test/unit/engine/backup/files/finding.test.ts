/** What a helper's programs say of a backup's disks, and what a backup's own files say: none of it is believed unchecked. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { systemsIn } from "../../../../../src/engine/backup/files/block-devices.ts";
import { placesIn } from "../../../../../src/engine/backup/files/fstab.ts";
import { mountScript, placeScript } from "../../../../../src/engine/backup/files/scripts.ts";

const device = (name: string, more: object = {}) => ({
  ...{ name, fstype: null, uuid: null, label: null, partuuid: null, partlabel: null },
  ...more,
});
const volumes = [
  device("/dev/mapper/data-home", { fstype: "xfs", uuid: "home-uuid" }),
  device("/dev/mapper/data-swap--more", { fstype: "swap" }),
];
const LISTING = JSON.stringify({
  blockdevices: [
    device("/dev/vdb", {
      children: [
        device("/dev/vdb1", { fstype: "ext4", uuid: "root-uuid", label: "cloudimg-rootfs" }),
        device("/dev/vdb2", { fstype: "vfat", label: "UEFI", partlabel: "efi" }),
        device("/dev/vdb3", { fstype: "LVM2_member", children: volumes }),
        device("/dev/vdb4", { fstype: "crypto_LUKS" }),
      ],
    }),
    device("/dev/vdc", { fstype: "LVM2_member", children: volumes }),
  ],
});

test("file systems are found on partitions and volumes, each once, and what is locked is told", () => {
  const { systems, locked } = systemsIn(LISTING);
  expect(systems.map(({ volume, type }) => `${volume} ${type}`)).toEqual([
    "vdb1 ext4",
    "vdb2 vfat",
    "data-home xfs",
  ]);
  expect(locked).toEqual(["vdb4"]);
});

test("what is no listing is an error in words, and no device has a name that a shell would take apart", () => {
  for (const text of [
    "",
    "{}",
    '{"blockdevices":[{"name":"/dev/sda; reboot"}]}',
    '{"blockdevices":[{"name":"sda"}]}',
  ])
    expect(() => systemsIn(text)).toThrow("cannot see what is on the backup's disks");
});

const { systems } = systemsIn(LISTING);
const placed = (fstab: string) =>
  placesIn(fstab, systems).map(({ system, target, subvolume }) =>
    [system.volume, target, subvolume].join(" "),
  );

test("an fstab says where they belong, by whatever name it calls them", () => {
  const fstab = `# comment
LABEL=cloudimg-rootfs / ext4 defaults 0 1
PARTLABEL="efi"  /boot/efi vfat umask=0077 0 1
/dev/data/home /home xfs defaults 0 0
UUID=home-uuid /srv/with\\040space btrfs rw,subvol=@srv,noatime 0 0
/dev/mapper/data-home /mnt/again xfs
/dev/disk/by-label/UEFI /boot auto
UUID=unknown /data ext4
/dev/sda1 /old ext4
tmpfs /tmp tmpfs
UUID=home-uuid none swap`;
  expect(placed(fstab)).toEqual([
    "data-home /home ",
    "vdb2 /boot ",
    "vdb2 /boot/efi ",
    "data-home /srv/with space @srv",
    "data-home /mnt/again ",
  ]);
});

test("no fstab leads out of the machine's tree, whatever it says", () => {
  expect(
    placed("UUID=home-uuid /../etc ext4\nUUID=home-uuid /a/../../etc ext4\nUUID=home-uuid etc ext4"),
  ).toEqual([]);
  fc.assert(
    fc.property(fc.string(), fc.string(), (source, target) => {
      for (const place of placesIn(`${source} ${target} ext4 defaults\nUUID=home-uuid ${target}`, systems)) {
        expect(place.target.startsWith("/")).toBe(true);
        expect(place.target.split("/")).not.toContain("..");
      }
    }),
  );
});

test("everything is mounted so that nothing can be written or run, with journals or without", () => {
  const whole = mountScript(systems, true);
  expect(whole).toContain("look vdb1 ext4 ro,nosuid,nodev,noexec /dev/vdb1");
  expect(whole).toContain("look data-home xfs ro,nouuid,nosuid,nodev,noexec /dev/mapper/data-home");
  const sealed = mountScript(systems, false);
  expect(sealed).toContain("look vdb1 ext4 ro,noload,nosuid,nodev,noexec /dev/vdb1");
  expect(sealed).toContain("look data-home xfs ro,nouuid,norecovery,nosuid,nodev,noexec");
  const places = placesIn("UUID=home-uuid /it's xfs", systems);
  expect(placeScript("/run/berth-backup/vdb1", places, true)).toContain(
    "place /dev/mapper/data-home xfs ro,nouuid,nosuid,nodev,noexec '/run/berth-backup/root/it'\\''s'",
  );
});
