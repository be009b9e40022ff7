/** What of a configuration reaches the host, and what each of it needs. */
import { expect, test } from "vitest";
import type { Privilege } from "../../../src/api/access.ts";
import { askedBy } from "../../../src/engine/access/asking.ts";
import {
  type HostFacing,
  hostTouches,
  isHostFile,
  permitConfig,
} from "../../../src/engine/access/host-touch.ts";
import type { User } from "../../../src/engine/access/principal.ts";

const amy: User = { kind: "user", name: "amy", groups: [], by: "token", credential: "1" };
const plain: HostFacing = { name: "web", project: "a", mounts: [], networks: [], ports: [] };

const CASES: [string, Partial<HostFacing>, Privilege | undefined][] = [
  ["nothing", {}, undefined],
  ["a folder of the host", { mounts: [{ source: "/etc" }] }, "host.mount"],
  ["a file that a disk is copied from", { files: ["/dev/sda"] }, "host.mount"],
  ["an ISO of the host", { medium: { path: "/x.iso" } }, "host.mount"],
  ["an ISO that was downloaded", { medium: {} }, undefined],
  ["a NIC on the host's network", { networks: [{ network: "br0" }] }, "host.bridge"],
  ["a port on all addresses", { ports: [{ hostAddress: "0.0.0.0", hostPort: 1 }] }, "host.publish"],
  ["a port on another address", { ports: [{ hostAddress: "192.168.1.7", hostPort: 1 }] }, "host.publish"],
  ["a port on the loopback", { ports: [{ hostAddress: "127.0.0.1", hostPort: 1 }] }, undefined],
  [
    "a port on a loopback address of its own",
    { ports: [{ hostAddress: "127.55.0.9", hostPort: 1 }] },
    undefined,
  ],
  ["a container", { container: {} }, undefined],
  ["a privileged one", { container: { privileged: true } }, "container.privileged"],
  ["one with a capability", { container: { capAdd: ["NET_ADMIN"] } }, "container.privileged"],
  [
    "one with a volume of the runtime",
    { container: { volumes: [{ name: "db", target: "/db" }] } },
    "host.mount",
  ],
  ["one in a network of the runtime", { container: { networks: ["host"] } }, "host.bridge"],
];

test.each(CASES)("%s", (_, config, needs) => {
  const after = { ...plain, ...config };
  expect(hostTouches(after).map(({ privilege }) => privilege)).toEqual(needs ? [needs] : []);
  const as = (held: readonly string[], before: HostFacing | undefined) =>
    askedBy(
      { principal: amy, privilege: "instance.create", may: (privilege) => held.includes(privilege) },
      () => permitConfig(before, after, "change web"),
    );
  const all = ["instance.create", ...(needs ? [needs] : [])];
  expect(() => as(all, plain)).not.toThrow();
  expect(() => as(all, undefined)).not.toThrow();
  expect(() => as([], after)).not.toThrow(); // It was there before.
  expect(() => permitConfig(undefined, after, "change web")).not.toThrow(); // The owner.
  for (const before of [plain, undefined])
    if (needs) expect(() => as(["instance.create"], before)).toThrow(`amy lacks ${needs}, which`);
});

test("what is made must be allowed where it will lie", () => {
  const asked: string[] = [];
  const who = {
    principal: amy,
    privilege: "backup.restore" as const,
    may: (privilege: Privilege, path: string) => asked.push(`${privilege} ${path}`) < 0,
  };
  expect(() => askedBy(who, () => permitConfig(undefined, plain, "restore web"))).toThrow(
    "amy lacks backup.restore on /projects/a/instances/web",
  );
  expect(asked).toEqual(["backup.restore /projects/a/instances/web"]);
});

test.each(["/x", "file:///x", "FILE:/x", "  /x", "./x", "../x", "~/x", "C:\\x", "\\\\host\\x"])(
  "%j is a file of the host",
  (text) => expect(isHostFile(text)).toBe(true),
);
test.each(["24.04", "debian:12", "daily:lts", "https://host/x.img", "nginx:1.27", "host/team/app"])(
  "%j is none",
  (text) => expect(isHostFile(text)).toBe(false),
);
