import { expect, test } from "vitest";
import { lending } from "../../../../src/engine/drivers/qemu/lend.ts";

const disk = { name: "lent0", slot: 0, socket: "/run/berth/1a2b3c4d.le0" };
const served = {
  ...{ driver: "nbd", "node-name": "lent-lent0-base", "read-only": true, export: "disk" },
  server: { type: "unix", path: "/run/berth/1a2b3c4d.le0" },
};
const device = { driver: "virtio-blk-pci", id: "lent-lent0", bus: "disks0", serial: "lent0" };

test("what a guest writes to a lent disk goes into a file of its own", () => {
  expect(lending({ ...disk, isSealed: false }, "/i/lent-lent0.qcow2")).toEqual([
    ["blockdev-add", served],
    [
      "blockdev-add",
      {
        ...{ driver: "qcow2", "node-name": "lent-lent0", backing: "lent-lent0-base" },
        file: { driver: "file", filename: "/i/lent-lent0.qcow2" },
      },
    ],
    ["device_add", { ...device, drive: "lent-lent0" }],
  ]);
});

test("of what comes from an encrypted disk nothing is written down", () => {
  expect(lending({ ...disk, isSealed: true }, "/i/lent-lent0.qcow2")).toEqual([
    ["blockdev-add", served],
    ["device_add", { ...device, drive: "lent-lent0-base" }],
  ]);
});
