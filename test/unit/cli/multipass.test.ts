/** Multipass's outputs, byte for byte, from the shapes of its main branch. */
import { expect, test } from "vitest";
import { parse } from "yaml";
import type { ImageEntry } from "../../../src/api/image.ts";
import type { Instance, InstanceDetails } from "../../../src/api/instance.ts";
import type { Snapshot } from "../../../src/api/snapshot.ts";
import { EngineError } from "../../../src/base/errors.ts";
import { humanSize, type InfoItem, listFormat } from "../../../src/cli/multipass/formats.ts";
import { infoFormat as format } from "../../../src/cli/multipass/info-formats.ts";
import { multipassMessage } from "../../../src/cli/multipass/messages.ts";
import {
  aliasFormat,
  findFormat,
  networksFormat,
  versionFormat,
  zonesFormat,
} from "../../../src/cli/multipass/other-formats.ts";
import { json, yaml } from "../../../src/cli/multipass/render.ts";
import { localTime, snapshotListFormat } from "../../../src/cli/multipass/snapshot-formats.ts";

const HASH = "1797c5c82016c1e65f4008fcf89deae3a044ef76087a9ec5b907c6d64a3609ac";

const foo: Instance = {
  ...{ id: "3f0f6c9e-0000-4000-8000-000000000001", name: "foo", kind: "vm", driver: "qemu", arch: "x86_64" },
  ...{ state: "running", ready: true, problems: [], cpus: 1, memoryBytes: 2 ** 30, diskBytes: 5 * 2 ** 30 },
  image: { reference: "24.04", sha256: HASH, os: "Ubuntu", release: "24.04 LTS", version: "20260518" },
  ...{
    address: "10.168.32.2",
    mac: "52:54:00:00:00:01",
    zone: { name: "zone1", available: true },
    networks: [],
    ports: [],
    mounts: [],
    disks: [],
    ...{ guest: "linux", firmware: "bios", tpm: false, display: false, encrypted: false },
    snapshotCount: 0,
    autostart: "off" as const,
    network: "default" as const,
    labels: {},
  },
  ...{ createdAt: "2026-11-23T00:00:00.000Z", updatedAt: "2026-11-23T00:00:00.000Z" },
};
const bar: Instance = { ...foo, name: "bombastic", state: "stopped", snapshotCount: 3 };

const details: InstanceDetails = {
  release: "Ubuntu 24.04.1 LTS",
  load: [0.45, 0.51, 0.15],
  cpus: 1,
  memory: { usedBytes: 60817408, totalBytes: 1503238554 },
  disk: { usedBytes: 1288490188, totalBytes: 5153960756 },
  addresses: ["10.168.32.2", "200.3.123.29"],
};
const nothing: InstanceDetails = { addresses: [] };

type Format = "table" | "json" | "csv" | "yaml";
const infoFormat = (items: InfoItem[], how: Format) =>
  format({ items, snapshots: [], onlySnapshots: false }, how);
const snapshotInfoFormat = (snapshots: Snapshot[], how: Format) =>
  format({ items: [], snapshots, onlySnapshots: true }, how);

test("list", () => {
  expect(listFormat([foo, bar], "table")).toBe(
    "Name                    State             IPv4             Image               Zone\n" +
      "foo                     Running           10.168.32.2      Ubuntu 24.04 LTS    zone1\n" +
      "bombastic               Stopped           --               Ubuntu 24.04 LTS    zone1\n",
  );
  expect(listFormat([{ ...foo, stopAt: foo.createdAt }], "csv")).toContain("foo,Delayed Shutdown,");
  expect(listFormat([], "table")).toBe("No instances found.\n");
  expect(listFormat([bar], "json")).toBe(`{
    "list": [
        {
            "name": "bombastic",
            "state": "Stopped",
            "ipv4": [
            ],
            "release": "Ubuntu 24.04 LTS",
            "zone": {
                "name": "zone1",
                "available": true
            }
        }
    ]
}
`);
  expect(listFormat([], "json")).toBe('{\n    "list": [\n    ]\n}\n');
  expect(listFormat([foo, bar], "csv")).toBe(
    "Name,State,IPv4,Release,AllIPv4,Zone,Zone available\n" +
      'foo,Running,10.168.32.2,Ubuntu 24.04 LTS,"10.168.32.2",zone1,true\n' +
      'bombastic,Stopped,,Ubuntu 24.04 LTS,"",zone1,true\n',
  );
  expect(listFormat([foo, bar], "yaml")).toBe(`foo:
  - state: Running
    zone:
      name: zone1
      available: true
    ipv4:
      - 10.168.32.2
    release: Ubuntu 24.04 LTS
bombastic:
  - state: Stopped
    zone:
      name: zone1
      available: true
    ipv4:
      []
    release: Ubuntu 24.04 LTS
`);
  expect(listFormat([], "yaml")).toBe("\n");
  expect(listFormat([foo], "csv", { addresses: false })).toContain('foo,Running,,Ubuntu 24.04 LTS,"",');
});

test("a disabled zone", () => {
  const cut: Instance = { ...bar, zone: { name: "zone2", available: false } };
  expect(listFormat([cut], "table").split("\n")[1]).toBe(
    "bombastic               Unavailable       --               Ubuntu 24.04 LTS    zone2(n/a)",
  );
  expect(listFormat([cut], "csv")).toContain('bombastic,Unavailable,,Ubuntu 24.04 LTS,"",zone2,false\n');
  expect(JSON.parse(listFormat([cut], "json")).list[0]).toMatchObject({
    state: "Unavailable",
    zone: { name: "zone2", available: false },
  });
  const item = { instance: cut, details: nothing };
  expect(infoFormat([item], "table")).toContain("State:          Unavailable\nZone:           zone2(n/a)\n");
  expect(infoFormat([item], "csv")).toContain("bombastic,Unavailable,zone2,false,");
  expect(listFormat([{ ...cut, state: "deleted" }], "csv")).toContain("bombastic,Deleted,");
});

test("zones", () => {
  const zones = [
    { name: "zone1", available: true, subnet: "10.42.1.0/24" },
    { name: "zone2", available: false, subnet: "10.42.2.0/24" },
  ];
  expect(zonesFormat(zones, "table")).toBe(
    "Name    State        Subnet\n" +
      "zone1   Available    10.42.1.0/24\n" +
      "zone2   Unavailable  10.42.2.0/24\n",
  );
  expect(zonesFormat(zones, "csv")).toBe(
    "Name,Available,Subnet\nzone1,true,10.42.1.0/24\nzone2,false,10.42.2.0/24\n",
  );
  expect(zonesFormat(zones.slice(1), "json")).toBe(`{
    "zone2": {
        "available": false,
        "subnet": "10.42.2.0/24"
    }
}
`);
  expect(zonesFormat(zones, "yaml")).toBe(`zone1:
  available: true
  subnet: 10.42.1.0/24
zone2:
  available: false
  subnet: 10.42.2.0/24
`);
});

test("info", () => {
  const items = [
    { instance: foo, details },
    { instance: bar, details: nothing },
  ];
  expect(infoFormat(items, "table")).toBe(`Name:           foo
State:          Running
Zone:           zone1
Snapshots:      0
IPv4:           10.168.32.2
                200.3.123.29
Release:        Ubuntu 24.04.1 LTS
Image hash:     1797c5c82016 (Ubuntu 24.04 LTS)
CPU(s):         1
Load:           0.45 0.51 0.15
Disk usage:     1.2GiB out of 4.8GiB
Memory usage:   58.0MiB out of 1.4GiB
Mounts:         --

Name:           bombastic
State:          Stopped
Zone:           zone1
Snapshots:      3
IPv4:           --
Release:        --
Image hash:     1797c5c82016 (Ubuntu 24.04 LTS)
CPU(s):         --
Load:           --
Disk usage:     --
Memory usage:   --
Mounts:         --
`);
  expect(JSON.parse(infoFormat(items, "json"))).toEqual({
    errors: [],
    info: {
      foo: {
        zone: { name: "zone1", available: true },
        ...{ state: "Running", image_hash: HASH, image_release: "24.04 LTS", release: "Ubuntu 24.04.1 LTS" },
        ...{ cpu_count: "1", snapshot_count: "0", load: [0.45, 0.51, 0.15] },
        disks: { sda1: { used: "1288490188", total: "5153960756" } },
        memory: { used: 60817408, total: 1503238554 },
        ipv4: ["10.168.32.2", "200.3.123.29"],
        mounts: {},
      },
      bombastic: {
        zone: { name: "zone1", available: true },
        ...{ state: "Stopped", image_hash: HASH, image_release: "24.04 LTS", release: "" },
        ...{
          cpu_count: "",
          snapshot_count: "3",
          load: [],
          disks: { sda1: {} },
          memory: {},
          ipv4: [],
          mounts: {},
        },
      },
    },
  });
  expect(infoFormat(items, "csv").split("\n").slice(1, 3)).toEqual([
    `foo,Running,zone1,true,10.168.32.2,Ubuntu 24.04.1 LTS,${HASH},24.04 LTS,0.45 0.51 0.15,1288490188,5153960756,60817408,1503238554,,10.168.32.2;200.3.123.29,1,0`,
    `bombastic,Stopped,zone1,true,,,${HASH},24.04 LTS,,,,,,,,,3`,
  ]);
  expect(infoFormat(items, "yaml")).toBe(`errors:
  - ~
foo:
  - state: Running
    zone:
      name: zone1
      available: true
    snapshot_count: 0
    image_hash: ${HASH}
    image_release: 24.04 LTS
    release: Ubuntu 24.04.1 LTS
    cpu_count: 1
    load:
      - 0.45
      - 0.51
      - 0.15
    disks:
      - sda1:
          used: 1288490188
          total: 5153960756
    memory:
      usage: 60817408
      total: 1503238554
    ipv4:
      - 10.168.32.2
      - 200.3.123.29
    mounts: ~
bombastic:
  - state: Stopped
    zone:
      name: zone1
      available: true
    snapshot_count: 3
    image_hash: ${HASH}
    image_release: 24.04 LTS
    release: ~
    cpu_count: ~
    disks:
      - sda1:
          used: ~
          total: ~
    memory:
      usage: ~
      total: ~
    ipv4:
      []
    mounts: ~
`);
});

const first: Snapshot = {
  ...{ id: "3f0f6c9e-0000-4000-8000-000000000002", name: "snapshot1", instance: "foo", comment: "" },
  ...{ children: ["snapshot2"], current: false, createdAt: "2026-11-23T00:00:00.000Z" },
  ...{ cpus: 2, memoryBytes: 2 ** 30, diskBytes: 5 * 2 ** 30, mounts: [], sizeBytes: 128 * 2 ** 20 },
};
const second: Snapshot = {
  ...first,
  ...{ name: "snapshot2", parent: "snapshot1", children: [], current: true },
  comment: 'says "hi", and\ngoes on',
};

test("snapshots", () => {
  expect(snapshotListFormat([first, second], "table")).toBe(
    "Instance   Snapshot    Parent      Comment\n" +
      "foo        snapshot1   --          --\n" +
      'foo        snapshot2   snapshot1   says "hi", and…\n',
  );
  expect(snapshotListFormat([], "table")).toBe("No snapshots found.\n");
  expect(JSON.parse(snapshotListFormat([first, second], "json"))).toEqual({
    errors: [],
    info: {
      foo: {
        snapshot1: { parent: "", comment: "" },
        snapshot2: { parent: "snapshot1", comment: second.comment },
      },
    },
  });
  expect(snapshotListFormat([first], "csv")).toBe('Instance,Snapshot,Parent,Comment\nfoo,snapshot1,,""\n');
  expect(snapshotInfoFormat([second], "table")).toBe(`Snapshot:       snapshot2
Instance:       foo
Size:           128.0MiB
CPU(s):         2
Disk space:     5.0GiB
Memory size:    1.0GiB
Mounts:         --
Created:        ${localTime(second.createdAt)}
Parent:         snapshot1
Children:       --
Comment:        says "hi", and
                goes on
`);
  expect(JSON.parse(snapshotInfoFormat([first], "json"))).toMatchObject({
    info: { foo: { snapshots: { snapshot1: { cpu_count: "2", children: ["snapshot2"], parent: "" } } } },
  });
  for (const format of [snapshotListFormat, snapshotInfoFormat])
    expect(() => parse(format([first, second], "yaml"))).not.toThrow();
});

const noble: ImageEntry = {
  ...{ reference: "24.04", remote: "release", aliases: ["24.04", "noble", "n", "default", "lts"] },
  ...{
    os: "Ubuntu",
    release: "24.04 LTS",
    version: "20260518",
    arch: "x86_64",
    supported: true,
    cached: false,
  },
};

test("find", () => {
  expect(findFormat([noble], "table")).toBe(
    "Image             Aliases                     Version          Description\n" +
      "24.04             noble,lts                   20260518         Ubuntu 24.04 LTS\n\n",
  );
  expect(findFormat([noble], "json")).toBe(`{
    "errors": [
    ],
    "images": {
        "24.04": {
            "os": "Ubuntu",
            "release": "24.04 LTS",
            "version": "20260518",
            "aliases": [
                "noble",
                "lts"
            ],
            "remote": ""
        }
    }
}
`);
  expect(findFormat([noble], "csv")).toBe(
    "Image,Remote,Aliases,OS,Release,Version,Type\n24.04,,noble;lts,Ubuntu,24.04 LTS,20260518,Cloud Image\n",
  );
  expect(parse(findFormat([noble], "yaml"))).toMatchObject({
    images: { "24.04": { aliases: ["noble", "lts"] } },
  });
  expect(findFormat([], "table")).toBe("No images found.\n");
});

test("aliases", () => {
  const wai = { instance: "foo", command: "whoami", workingDirectory: "map" } as const;
  const book = {
    active: "default",
    contexts: { default: { wai }, other: { ls: { ...wai, command: "ls" } } },
  };
  expect(aliasFormat(book, "table")).toBe(
    "Alias   Instance   Command   Context    Working directory\n" +
      "wai     foo        whoami    default*   map\n" +
      "ls      foo        ls        other      map\n",
  );
  expect(aliasFormat({ active: "default", contexts: { default: {} } }, "table")).toBe(
    "No aliases defined.\n",
  );
  expect(JSON.parse(aliasFormat(book, "json"))).toEqual({
    "active-context": "default",
    contexts: {
      default: { wai: { command: "whoami", instance: "foo", "working-directory": "map" } },
      other: { ls: { command: "ls", instance: "foo", "working-directory": "map" } },
    },
  });
  expect(aliasFormat(book, "csv")).toBe(
    "Alias,Instance,Command,Working directory,Context\nwai,foo,whoami,map,default*\nls,foo,ls,map,other\n",
  );
  expect(aliasFormat(book, "yaml")).toBe(`active_context: default
aliases:
  default:
    - alias: wai
      command: whoami
      instance: foo
      working-directory: map
  other:
    - alias: ls
      command: ls
      instance: foo
      working-directory: map
`);
});

test("version", () => {
  expect(versionFormat("1.2.3", "1.2.4", "table")).toBe("multipass   1.2.3\nmultipassd  1.2.4\n");
  expect(versionFormat("1.2.3", undefined, "json")).toBe('{\n    "multipass": "1.2.3"\n}\n');
});

test("whatever text stands in YAML is read back as it was", () => {
  const texts = [
    "a: b",
    "- x",
    "~",
    "true",
    "12:30:00",
    "#c",
    "",
    "ü",
    "a\nb",
    '"',
    "10.0.0.1",
    "24.04 LTS",
    "* x",
  ];
  for (const text of texts) expect(parse(yaml({ key: text }))).toEqual({ key: text });
  expect(parse(yaml({ "a: b": { c: [{ d: [1, null] }] } }))).toEqual({ "a: b": { c: [{ d: [1, null] }] } });
});

test("JSON is JSON, whatever its layout", () => {
  const value = { a: [], b: {}, c: [1, "x", { d: null }] };
  expect(JSON.parse(json(value))).toEqual(value);
});

test.each([
  [0, "0B"],
  [1023, "1023B"],
  [1024, "1.0KiB"],
  [1288490188, "1.2GiB"],
  [60817408, "58.0MiB"],
])("%d bytes are %s", (bytes, text) => expect(humanSize(bytes)).toBe(text));

test("memory that cannot be resumed is told with the way out, under this name", () => {
  const hint = "Boot it anew without its memory: berth start --cold x";
  const error = new EngineError("wrong-state", "cannot resume x: it was suspended by QEMU 9.0.0", {
    hint,
    details: { cold: true },
  });
  expect(multipassMessage(error)).toBe(
    "it was suspended by QEMU 9.0.0\nBoot it anew without its memory: multipass start --cold x",
  );
});

test.each([
  ["not-found", 'cannot start x: instance "x" does not exist', 'instance "x" does not exist'],
  [
    "wrong-state",
    "cannot start x: it is deleted",
    "Instance 'x' is deleted. Use 'recover' to recover it or 'purge' to permanently delete it.",
  ],
  ["wrong-state", "cannot exec x: it is not running", 'instance "x" is not running'],
  [
    "wrong-state",
    "cannot restore x.s: it is running",
    "Multipass can only restore snapshots of stopped instances.",
  ],
  ["invalid-argument", "1CiG is not a valid memory size", "1CiG is not a valid memory size"],
] as const)("%s: %s", (code, message, words) => {
  expect(multipassMessage(new EngineError(code, message))).toBe(words);
});

test("networks", () => {
  const items = [{ name: "en0", type: "wifi" as const, description: "Wi-Fi" }];
  expect(networksFormat(items, "table")).toBe("Name   Type   Description\nen0    wifi   Wi-Fi\n");
  expect(networksFormat([], "table")).toBe("No network interfaces found.\n");
  expect(JSON.parse(networksFormat(items, "json"))).toEqual({
    list: [{ name: "en0", type: "wifi", description: "Wi-Fi" }],
  });
  expect(networksFormat([], "json")).toBe('{\n    "list": [\n    ]\n}\n');
  expect(networksFormat(items, "csv")).toBe('Name,Type,Description\nen0,wifi,"Wi-Fi"\n');
  expect(networksFormat(items, "yaml")).toBe("en0:\n  - type: wifi\n    description: Wi-Fi\n");
});
