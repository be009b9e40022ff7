/** QEMU's whole command line on every platform, as files to read; and what must hold for any instance. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { FirmwareKind, GuestKind } from "../../../../src/api/machine.ts";
import {
  type ArgvInput,
  cpuModel,
  forwardedPort,
  hardwareOf,
  qemuArgv,
} from "../../../../src/engine/drivers/qemu/argv.ts";
import type { Accelerator } from "../../../../src/engine/drivers/qemu/host.ts";
import { subnetAround } from "../../../../src/engine/networks/addresses.ts";

const base = {
  id: "3f0f6c9e-0000-4000-8000-000000000001",
  name: "web",
  cpus: 2,
  memoryBytes: 2 * 2 ** 30,
  mac: "52:54:00:12:34:56",
  address: "10.49.104.61",
  subnet: subnetAround("10.49.104.61"),
};

const POSIX = {
  disk: "/data/instances/a, b/disk.qcow2",
  seed: "/data/instances/a, b/seed.iso",
  serialLog: "/data/instances/a, b/serial.log",
  console: "/run/a, b/3f0f6c9e.tty",
  monitor: "/run/a, b/3f0f6c9e.qmp",
  vnc: "/run/a, b/3f0f6c9e.vnc",
};
const WINDOWS = {
  disk: "C:\\Users\\Ann Lee\\berth\\disk.qcow2",
  seed: "C:\\Users\\Ann Lee\\berth\\seed.iso",
  serialLog: "C:\\Users\\Ann Lee\\berth\\serial.log",
  console: "C:\\Users\\Ann Lee\\run\\3f0f6c9e.tty",
  monitor: "berth-3f0f6c9e-0a0b0c0d",
  vnc: "C:\\Users\\Ann Lee\\run\\3f0f6c9e.vnc",
};

const CASES: [NodeJS.Platform, ArgvInput["arch"], Accelerator][] = [
  ["linux", "x86_64", "kvm"],
  ["linux", "x86_64", "tcg"],
  ["linux", "aarch64", "kvm"],
  ["linux", "aarch64", "tcg"],
  ["darwin", "x86_64", "hvf"],
  ["darwin", "aarch64", "hvf"],
  ["win32", "x86_64", "whpx"],
  ["win32", "x86_64", "tcg"],
  ["win32", "aarch64", "tcg"],
];

function inputOf(platform: NodeJS.Platform, arch: ArgvInput["arch"], accelerator: Accelerator): ArgvInput {
  const windows = platform === "win32";
  const folder = windows ? "C:\\Program Files\\qemu" : "/usr/bin";
  const firmware = windows
    ? { code: `${folder}\\share\\edk2-aarch64-code.fd`, variables: `${WINDOWS.disk}.fd` }
    : { code: "/usr/share/AAVMF/AAVMF_CODE.fd", variables: "/data/instances/a, b/uefi-vars.fd" };
  return {
    ...base,
    ...{ platform, arch, accelerator },
    lan: windows ? undefined : "/run/a, b/3f0f6c9e.lan",
    shares: [],
    disks: [],
    ...{ guest: "linux", firmware: "bios", display: false },
    networks: [],
    network: "default",
    program: windows ? `${folder}\\qemu-system-${arch}.exe` : `${folder}/qemu-system-${arch}`,
    files: { ...(windows ? WINDOWS : POSIX), firmware: arch === "aarch64" ? firmware : undefined },
  };
}

test.each(CASES)("%s runs %s guests by %s", async (platform, arch, accelerator) => {
  const argv = qemuArgv(inputOf(platform, arch, accelerator));
  await expect(`${argv.join("\n")}\n`).toMatchFileSnapshot(`argv/${platform}-${arch}-${accelerator}.txt`);
});

const OTHER: [NodeJS.Platform, ArgvInput["arch"], Accelerator, FirmwareKind, GuestKind][] = [
  ["linux", "x86_64", "kvm", "uefi-secure", "windows"],
  ["linux", "x86_64", "tcg", "bios", "other"],
  ["linux", "x86_64", "tcg", "uefi", "linux"],
  ["linux", "aarch64", "tcg", "uefi", "other"],
  ["darwin", "x86_64", "tcg", "uefi", "windows"],
  ["darwin", "aarch64", "hvf", "uefi", "windows"],
  ["win32", "x86_64", "whpx", "uefi", "windows"],
  ["win32", "aarch64", "tcg", "uefi", "other"],
];

test.each(OTHER)(
  "%s runs %s guests by %s with %s as %s",
  async (platform, arch, accelerator, firmware, guest) => {
    const input = inputOf(platform, arch, accelerator);
    const code = firmware === "uefi-secure" ? "OVMF_CODE_4M.ms.fd" : "OVMF_CODE_4M.fd";
    const uefi = { code: `/usr/share/OVMF/${code}`, variables: "/data/instances/a, b/uefi-vars.fd" };
    const x86 = firmware === "bios" ? undefined : uefi;
    const own = { firmware: arch === "aarch64" ? input.files.firmware : x86, medium: "/iso/win, 11.iso" };
    const disks = [{ id: "1", name: "data", sizeBytes: 1, slot: 0, file: "/data/a, b/disk-1.qcow2" }];
    const tpm = guest === "windows" ? "/run/b/3f0f6c9e.tpm" : undefined;
    const argv = qemuArgv({ ...input, disks, guest, firmware, files: { ...input.files, ...own, tpm } });
    const name = `argv/other-${platform}-${arch}-${accelerator}-${firmware}-${guest}.txt`;
    await expect(`${argv.join("\n")}\n`).toMatchFileSnapshot(name);
  },
);

test.each(["x86_64", "aarch64"] as const)("a %s guest of cloud-init may have a screen", async (arch) => {
  const input = inputOf("linux", arch, "tcg");
  const argv = qemuArgv({ ...input, display: true });
  await expect(`${argv.join("\n")}\n`).toMatchFileSnapshot(`argv/display-linux-${arch}-tcg.txt`);
  expect(hardwareOf(argv)).not.toBe(hardwareOf(qemuArgv(input)));
});

test("a drive may be empty, and what is in it is no hardware", () => {
  const input = { ...inputOf("linux", "x86_64", "tcg"), guest: "other" as const };
  const argv = (medium: string | undefined) => qemuArgv({ ...input, files: { ...input.files, medium } });
  expect(argv(undefined)).toContain("if=none,id=medium,media=cdrom,readonly=on");
  expect(hardwareOf(argv("/a.iso"))).toBe(hardwareOf(argv(undefined)));
  expect(hardwareOf(argv(undefined))).not.toBe(hardwareOf(qemuArgv({ ...input, guest: "windows" })));
  expect(hardwareOf(argv(undefined))).not.toBe(hardwareOf(qemuArgv({ ...input, guest: "linux" })));
});

test("what disks lack is read from sockets for this run alone, and is no hardware", () => {
  const input = inputOf("linux", "x86_64", "tcg");
  const disk = { id: "1", name: "data-of-twenty-signs", sizeBytes: 1, slot: 0, file: "/d/data.qcow2" };
  const whole = qemuArgv({ ...input, disks: [disk] });
  const argv = qemuArgv({
    ...{ ...input, disks: [{ ...disk, awaited: "/run/b.le1" }] },
    files: { ...input.files, awaited: "/run/b.le0" },
  });
  const nodes = argv.filter((word) => word.includes('"driver":"qcow2"')).map((word) => JSON.parse(word));
  expect(nodes).toMatchObject(
    ["/run/b.le0", "/run/b.le1"].map((path) => ({
      backing: { driver: "nbd", "read-only": true, server: { type: "unix", path } },
    })),
  );
  for (const { backing } of nodes) {
    expect(backing["node-name"].length).toBeLessThan(32);
    expect(backing["reconnect-delay"]).toBeGreaterThan(24 * 3600);
  }
  expect(hardwareOf(argv)).toBe(hardwareOf(whole));
});

test("an encrypted guest's disks are opened by a key, which is no hardware and comes before them", () => {
  const input = inputOf("linux", "x86_64", "tcg");
  const disk = { id: base.id, name: "data", sizeBytes: 1, slot: 0, file: "/d/data.qcow2", encrypted: true };
  const argv = (data: string) =>
    qemuArgv({ ...input, disks: [disk], keys: ["--object", `secret,id=disk-key,data=${data}`] });
  const nodes = argv("one").filter((word) => word.includes('"driver":"qcow2"'));
  expect(nodes).toHaveLength(2);
  for (const node of nodes)
    expect(JSON.parse(node)).toMatchObject({ encrypt: { format: "luks", "key-secret": "disk-key" } });
  expect(argv("one").indexOf("--object")).toBeLessThan(argv("one").indexOf("-blockdev"));
  expect(argv("one")[argv("one").indexOf("-machine") + 1]).toContain(",dump-guest-core=off");
  expect(hardwareOf(argv("one"))).toBe(hardwareOf(argv("two")));
  for (const word of qemuArgv(input)) expect(word).not.toMatch(/encrypt|dump-guest-core/);
});

test("directories are shared as 9p, or by a virtiofsd that reads the guest's memory", () => {
  const input = inputOf("linux", "x86_64", "kvm");
  const own = { source: "/a, b", target: "b", tag: "berth-1" };
  const plain = qemuArgv({ ...input, shares: [{ ...own, filesystem: "9p" }] });
  expect(plain).toContain("local,id=share0,path=/a,, b,security_model=none,multidevs=remap");
  expect(plain).toContain("virtio-9p-pci,fsdev=share0,mount_tag=berth-1");
  expect(plain.some((word) => word.includes("memory-backend"))).toBe(false);
  const shared = qemuArgv({ ...input, shares: [{ ...own, filesystem: "virtiofs", socket: "/run/x.vfs" }] });
  expect(shared).toContain("socket,id=share0,path=/run/x.vfs");
  expect(shared).toContain("vhost-user-fs-pci,chardev=share0,tag=berth-1");
  const memory = shared[shared.indexOf("-m") + 1];
  expect(shared).toContain(`memory-backend-memfd,id=ram,size=${memory},share=on`);
  expect(shared).toContain("q35,vmport=off,memory-backend=ram");
});

test("a guest that was suspended gets the machine of then, and is otherwise made the same", () => {
  for (const arch of ["x86_64", "aarch64"] as const) {
    const input = inputOf("linux", arch, "kvm");
    const name = arch === "x86_64" ? "pc-q35-7.2" : "virt-7.2";
    const plain = qemuArgv(input);
    const pinned = qemuArgv({ ...input, machine: name });
    const at = plain.indexOf("-machine") + 1;
    expect(pinned[at]?.split(",")[0]).toBe(name);
    expect(pinned[at]?.split(",").slice(1)).toEqual(plain[at]?.split(",").slice(1));
    expect(pinned.toSpliced(at, 1)).toEqual(plain.toSpliced(at, 1));
  }
});

test.each<[NodeJS.Platform, string, string]>([
  ["linux", "tap,id=host0,fd=64", "tap,id=host1,fd=65"],
  ["darwin", "vmnet-bridged,id=host0,ifname=en0,, x", "vmnet-bridged,id=host1,ifname=br1"],
  ["win32", "tap,id=host0,ifname=en0,, x", "tap,id=host1,ifname=br1"],
])("on %s, NICs on networks of the host are beside the guest's own", (platform, first, second) => {
  const networks = [
    { network: "en0, x", mac: "52:54:00:00:00:01" },
    { network: "br1", mac: "52:54:00:00:00:02" },
  ];
  const plain = qemuArgv(inputOf(platform, "x86_64", "tcg"));
  const argv = qemuArgv({ ...inputOf(platform, "x86_64", "tcg"), networks });
  const added = argv.filter((word) => !plain.includes(word));
  expect(added).toEqual([
    first,
    "virtio-net-pci,netdev=host0,mac=52:54:00:00:00:01,romfile=",
    second,
    "virtio-net-pci,netdev=host1,mac=52:54:00:00:00:02,romfile=",
  ]);
  expect(argv.length).toBe(plain.length + 8);
  const other = qemuArgv({ ...inputOf(platform, "x86_64", "tcg"), guest: "windows", networks });
  expect(other).toEqual(
    expect.arrayContaining([first, "e1000e,netdev=host0,mac=52:54:00:00:00:01,romfile="]),
  );
  if (platform === "linux") expect(argv.find((word) => word.includes("spawn="))).toContain("spawn=deny");
});

test("whatever the texts, each stays in its own place and nothing becomes an option", () => {
  const text = fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" });
  const plain = qemuArgv(inputOf("linux", "x86_64", "kvm"));
  fc.assert(
    fc.property(text, text, text, fc.integer({ min: 1, max: 512 }), (name, disk, serialLog, cpus) => {
      const input = inputOf("linux", "x86_64", "kvm");
      const argv = qemuArgv({ ...input, name, cpus, files: { ...input.files, disk, serialLog } });
      expect(argv.length).toBe(plain.length);
      const after = (option: string) => argv[argv.indexOf(option) + 1] ?? "";
      expect(after("-smp")).toBe(String(cpus));
      expect(valuesOf(after("-name"))).toEqual([`guest=${name}`, "debug-threads=on"]);
      expect(JSON.parse(after("-blockdev"))).toMatchObject({ driver: "qcow2", file: { filename: disk } });
      const serial = argv.find((word) => word.startsWith("socket,id=serial")) ?? "";
      expect(valuesOf(serial)).toContain(`logfile=${serialLog}`);
    }),
  );
});

/** QEMU's own reading of an option list: a comma ends a value, two are one. */
function valuesOf(list: string): string[] {
  const values = [""];
  for (let at = 0; at < list.length; at += 1) {
    if (list[at] !== ",") values.push((values.pop() ?? "") + list[at]);
    else if (list[at + 1] === ",") {
      values.push(`${values.pop() ?? ""},`);
      at += 1;
    } else values.push("");
  }
  return values;
}

test("memory is given in whole mebibytes, never more than was asked for", () => {
  const input = inputOf("linux", "x86_64", "kvm");
  const memoryOf = (memoryBytes: number) => {
    const argv = qemuArgv({ ...input, memoryBytes });
    return argv[argv.indexOf("-m") + 1];
  };
  expect(memoryOf(2 ** 30)).toBe("1024M");
  expect(memoryOf(2 ** 30 - 1)).toBe("1023M");
});

test("emulated guests get a model that is quick and new enough", () => {
  expect(cpuModel("x86_64", "tcg")).toMatch(/^qemu64,.*\+sse4\.2/);
  expect(cpuModel("aarch64", "tcg")).toBe("cortex-a72");
  expect(cpuModel("x86_64", "whpx")).toMatch(/^Westmere/);
});

test.each([
  [
    `Hub -1 (net):
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
  TCP[HOST_FORWARD]  12       127.0.0.1 40123    10.49.104.61    22     0     0
  TCP[ESTABLISHED]   13       127.0.0.1 50000    10.49.104.61    22     0     0
`,
    40123,
  ],
  ["  TCP[HOST_FORWARD]  12  127.0.0.1 40123  10.49.104.61  80  0  0\n", undefined],
  ["", undefined],
  ["unknown command: 'info usernet'\n", undefined],
])("the forwarded port is read from what the monitor prints", (text, port) => {
  expect(forwardedPort(text)).toBe(port);
});
