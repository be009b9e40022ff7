/** What holds for QEMU's command line on every platform, whatever an instance's texts and numbers are. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { leadsOut, type NetworkMode } from "../../../../src/api/network-mode.ts";
import {
  type ArgvInput,
  cpuModel,
  forwardedPort,
  hardwareOf,
  outwardMac,
  qemuArgv,
} from "../../../../src/engine/drivers/qemu/argv.ts";
import { hardwareWith } from "../../../../src/engine/drivers/qemu/argv-disks.ts";
import type { Accelerator } from "../../../../src/engine/drivers/qemu/host.ts";
import { subnetAround } from "../../../../src/engine/networks/addresses.ts";

const MIB = 2 ** 20;
const text = fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" });
/** As hostile to option lists as a path can be. */
const file = fc.oneof(
  text,
  fc.constantFrom("a, b", ",", ",,", "a,b=c,id=x", "-S", "C:\\a b\\c,d", "x\ny", '"'),
);
const octet = fc.integer({ min: 1, max: 254 });

const inputs: fc.Arbitrary<ArgvInput> = fc
  .record({
    platform: fc.constantFrom<NodeJS.Platform>("linux", "darwin", "win32"),
    arch: fc.constantFrom("x86_64" as const, "aarch64" as const),
    accelerator: fc.constantFrom<Accelerator>("kvm", "hvf", "whpx", "tcg"),
    program: file,
    id: fc.uuid(),
    name: file,
    cpus: fc.integer({ min: 1, max: 512 }),
    memoryBytes: fc.integer({ min: 128 * MIB, max: 2 ** 44 }),
    lan: fc.option(file, { nil: undefined }),
    octets: fc.tuple(octet, octet, octet),
    incoming: fc.boolean(),
    display: fc.boolean(),
    network: fc.constantFrom<NetworkMode>("default", "nat", "isolated", "private:a"),
    shares: fc.array(
      fc.oneof(
        fc.record({
          source: file,
          target: file,
          tag: fc.constant("t"),
          filesystem: fc.constant("9p" as const),
        }),
        fc.record({
          ...{ source: file, target: file, tag: fc.constant("t"), socket: file },
          filesystem: fc.constant("virtiofs" as const),
        }),
      ),
      { maxLength: 3 },
    ),
    disks: fc.uniqueArray(
      fc.record({
        ...{ id: fc.uuid(), sizeBytes: fc.constant(MIB), slot: fc.integer({ min: 0, max: 7 }), file },
        name: fc.stringMatching(/^[a-z][a-z0-9-]{0,18}[a-z0-9]$/),
      }),
      { maxLength: 8, selector: ({ slot }) => slot },
    ),
    networks: fc.array(fc.record({ network: file, mac: fc.constant("52:54:00:00:00:77") }), { maxLength: 3 }),
    files: fc.record({
      ...{ disk: file, seed: file, serialLog: file, console: file, monitor: file, vnc: file },
    }),
    firmware: fc.option(fc.record({ code: file, variables: file }), { nil: undefined }),
  })
  .map(({ octets: [a, b, c], files, firmware, ...rest }) => ({
    ...rest,
    guest: "linux" as const,
    firmware: "bios" as const,
    mac: `52:54:00:00:00:${c.toString(16).padStart(2, "0")}`,
    address: `10.${a}.${b}.${c}`,
    subnet: subnetAround(`10.${a}.${b}.${c}`),
    files: { ...files, firmware },
  }));

/** Option and value pairs, as QEMU reads them: only the two flags stand alone. */
function optionsOf(argv: readonly string[]): [string, string][] {
  const options: [string, string][] = [];
  for (let at = 1; at < argv.length; at += 1) {
    const option = argv[at] ?? "";
    if (option === "-nodefaults" || option === "-no-user-config") continue;
    options.push([option, argv[at + 1] ?? ""]);
    at += 1;
  }
  return options;
}

/** QEMU's own reading of an option list: a comma ends a value, two are one. */
function valuesOf(list: string): string[] {
  return list
    .replaceAll(",,", "\uffff")
    .split(",")
    .map((value) => value.replaceAll("\uffff", ","));
}

test("there is always the same row of options; texts only fill their places", () => {
  fc.assert(
    fc.property(inputs, (input) => {
      const firmware = input.files.firmware ? ["-drive", "-drive"] : [];
      const memory = input.shares.some(({ filesystem }) => filesystem === "virtiofs") ? ["-object"] : [];
      const shares = input.shares.flatMap(({ filesystem }) =>
        filesystem === "9p" ? ["-fsdev", "-device"] : ["-chardev", "-device"],
      );
      expect(qemuArgv(input)[0]).toBe(input.program);
      expect(optionsOf(qemuArgv(input)).map(([option]) => option)).toEqual([
        ...(input.platform === "linux" ? ["-sandbox"] : []),
        ...["-name", "-uuid", "-machine", ...memory, "-accel", "-cpu", "-smp", "-m", "-display"],
        ...["-chardev", "-mon"],
        ...["-chardev", "-serial", ...firmware, "-blockdev", "-device", "-blockdev", "-device"],
        ...["-netdev", "-device", ...(input.lan === undefined ? [] : ["-netdev", "-device"])],
        ...input.networks.flatMap(() => ["-netdev", "-device"]),
        ...["-object", "-device", ...shares],
        ...Array.from({ length: 8 }, () => "-device"),
        ...input.disks.flatMap(() => ["-blockdev", "-device"]),
        ...(input.display ? ["-device", "-device", "-device", "-device", "-vnc"] : []),
        ...(input.incoming ? ["-incoming"] : []),
      ]);
    }),
  );
});

test("every file is one value of its own option, commas and all", () => {
  fc.assert(
    fc.property(inputs, (input) => {
      const { files } = input;
      const options = optionsOf(qemuArgv(input));
      const all = (option: string) => options.filter(([name]) => name === option).map(([, value]) => value);
      const [monitor = "", serial = ""] = all("-chardev").map(valuesOf);
      expect(monitor).toEqual(
        input.platform === "win32"
          ? ["pipe", "id=monitor", `path=${files.monitor}`]
          : ["socket", "id=monitor", `path=${files.monitor}`, "server=on", "wait=off"],
      );
      expect(serial).toEqual([
        ...["socket", "id=serial"],
        ...(input.platform === "win32" ? ["host=127.0.0.1", "port=0"] : [`path=${files.console}`]),
        ...["server=on", "wait=off", `logfile=${files.serialLog}`],
        `logappend=${input.incoming ? "on" : "off"}`,
      ]);
      const [disk, seed] = all("-blockdev").map((value) => JSON.parse(value) as unknown);
      expect(disk).toMatchObject({ driver: "qcow2", file: { driver: "file", filename: files.disk } });
      expect(seed).toMatchObject({ driver: "raw", "read-only": true, file: { filename: files.seed } });
      expect(all("-drive").map(valuesOf)).toEqual(
        files.firmware
          ? [
              ["if=pflash", "format=raw", "unit=0", "readonly=on", `file=${files.firmware.code}`],
              ["if=pflash", "format=raw", "unit=1", `file=${files.firmware.variables}`],
            ]
          : [],
      );
    }),
  );
});

test("every extra disk has its own file, its own port, and its name as the serial number", () => {
  fc.assert(
    fc.property(inputs, (input) => {
      const options = optionsOf(qemuArgv(input));
      for (const { name, slot, file: path } of input.disks) {
        const nodes = options
          .filter(([option]) => option === "-blockdev")
          .map(([, value]) => JSON.parse(value));
        const node = nodes.find((one) => one["node-name"] === `extra-${name}`);
        expect(node).toMatchObject({ driver: "qcow2", file: { driver: "file", filename: path } });
        const own = `id=extra-${name},drive=extra-${name},bus=disks${slot},serial=${name}`;
        expect(options).toContainEqual(["-device", `virtio-blk-pci,${own}`]);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(20);
      }
    }),
  );
});

test("CPUs, memory, network card and addresses are the instance's", () => {
  fc.assert(
    fc.property(inputs, (input) => {
      const options = optionsOf(qemuArgv(input));
      const only = (option: string) => options.find(([name]) => name === option)?.[1] ?? "";
      expect(only("-smp")).toBe(String(input.cpus));
      expect(only("-uuid")).toBe(input.id);
      const mebibytes = Number(/^(\d+)M$/.exec(only("-m"))?.[1]);
      expect(mebibytes * MIB).toBeLessThanOrEqual(input.memoryBytes);
      expect((mebibytes + 1) * MIB).toBeGreaterThan(input.memoryBytes);
      const nics = options.map(([, value]) => value).filter((value) => value.startsWith("virtio-net-pci"));
      const own = `virtio-net-pci,netdev=lan,mac=${input.mac},romfile=`;
      const outward = `virtio-net-pci,netdev=net,mac=${outwardMac(input.mac)},romfile=`;
      const others = input.networks.map(
        ({ mac }, number) => `virtio-net-pci,netdev=host${number},mac=${mac},romfile=`,
      );
      expect(nics).toEqual([outward, ...(input.lan === undefined ? [] : [own]), ...others]);
      const { address } = input.lan === undefined ? input : input.subnet.nat;
      const { cidr, gateway, dns } = input.lan === undefined ? input.subnet : input.subnet.nat;
      expect(valuesOf(only("-netdev"))).toEqual([
        ...["user", "id=net", `net=${cidr}`, `host=${gateway}`, `dns=${dns}`, `dhcpstart=${address}`],
        ...[
          "ipv6=off",
          ...(leadsOut(input.network) ? [] : ["restrict=on"]),
          `hostfwd=tcp:127.0.0.1:0-${address}:22`,
        ],
      ]);
      const lan = options.filter(([name, value]) => name === "-netdev" && value.startsWith("stream"));
      expect(lan.map(([, value]) => valuesOf(value))).toEqual(
        input.lan === undefined
          ? []
          : [["stream", "id=lan", "server=on", "addr.type=unix", `addr.path=${input.lan}`]],
      );
    }),
  );
});

test("the guest is reached from this host only, and nothing of it reaches a display, a shell or other files", () => {
  fc.assert(
    fc.property(inputs, (input) => {
      const argv = qemuArgv(input);
      expect(argv.slice(1, 3)).toEqual(["-nodefaults", "-no-user-config"]);
      const options = optionsOf(argv);
      expect(options).toContainEqual(["-display", "none"]);
      const net = options.find(([name]) => name === "-netdev")?.[1] ?? "";
      expect(net.match(/hostfwd=/g)).toHaveLength(1);
      expect(net).toContain("hostfwd=tcp:127.0.0.1:");
      // A screen is served on a socket, whose name is a text like any other.
      const screens = options.filter(([name]) => name === "-vnc").map(([, value]) => valuesOf(value));
      expect(screens).toEqual(input.display ? [[`unix:${input.files.vnc}`]] : []);
      expect(options.some(([name]) => /^-(gdb|monitor|qmp|hda|drive-mirror)$/.test(name))).toBe(false);
    }),
  );
});

test("the digest of the hardware follows what the guest sees, not where it lies or who runs it", () => {
  fc.assert(
    fc.property(inputs, file, fc.boolean(), (input, other, incoming) => {
      const digest = hardwareOf(qemuArgv(input));
      const { firmware } = input.files;
      const files = {
        ...{ disk: other, seed: other, serialLog: other, console: other, monitor: other, vnc: other },
        firmware: firmware && { code: other, variables: other },
      };
      const elsewhere = { ...input, incoming, program: other, files, address: "10.0.0.9" };
      const lan = input.lan === undefined ? undefined : other;
      expect(hardwareOf(qemuArgv({ ...elsewhere, lan }))).toBe(digest);
      // Disks are plugged in while it runs: they count on their own.
      expect(hardwareOf(qemuArgv({ ...input, disks: [] }))).toBe(digest);
      expect(hardwareWith(digest, [])).toBe(digest);
      if (input.disks.length > 0) {
        expect(hardwareWith(digest, input.disks)).not.toBe(digest);
        expect(hardwareWith(digest, input.disks.toReversed())).toBe(hardwareWith(digest, input.disks));
        expect(hardwareWith(digest, input.disks.slice(1))).not.toBe(hardwareWith(digest, input.disks));
      }
      expect(hardwareOf(qemuArgv({ ...input, cpus: input.cpus + 1 }))).not.toBe(digest);
      expect(hardwareOf(qemuArgv({ ...input, memoryBytes: input.memoryBytes + MIB }))).not.toBe(digest);
      expect(hardwareOf(qemuArgv({ ...input, mac: "52:54:00:ff:ff:ff" }))).not.toBe(digest);
    }),
  );
});

test.each([
  ["kvm", "x86_64", "host"],
  ["kvm", "aarch64", "host"],
  ["hvf", "x86_64", "host"],
  ["hvf", "aarch64", "host"],
  ["tcg", "aarch64", "cortex-a72"],
  ["whpx", "aarch64", "cortex-a72"],
] as [Accelerator, ArgvInput["arch"], string][])(
  "by %s, %s guests get the CPU %s",
  (accelerator, arch, model) => {
    expect(cpuModel(arch, accelerator)).toBe(model);
  },
);

test("of several forwards, the one to the asked port is read, and whatever is printed reading never fails", () => {
  const row = (from: number, to: number) =>
    `  TCP[HOST_FORWARD]  12       127.0.0.1 ${from}    10.49.104.61  ${to}     0     0\r\n`;
  expect(forwardedPort(row(8080, 80) + row(40123, 22) + row(50000, 22))).toBe(40123);
  expect(forwardedPort(row(8080, 80) + row(40123, 22), 80)).toBe(8080);
  expect(forwardedPort(row(40123, 22).replace("TCP", "UDP"))).toBeUndefined();
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (printed) => {
      expect(forwardedPort(printed)).toBeUndefined();
    }),
  );
});
