/** What the programs say in a helper that shows the files of a backup, in a world of fake guests. */
import type { FakeHost } from "./fake-driver.ts";

export function showsFiles({ prints }: FakeHost): void {
  const root = { name: "/dev/vdb1", fstype: "ext4", uuid: "root-uuid" };
  prints.set("lsblk --json", JSON.stringify({ blockdevices: [root] }));
  prints.set("look() {", "mounted vdb1\nroot /run/berth-backup/vdb1");
  prints.set("etc/fstab", "UUID=root-uuid / ext4\n");
  prints.set("place() {", "placed");
}
