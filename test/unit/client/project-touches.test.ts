/** What a `berth.yaml` would touch on this host. */
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ProjectInstance } from "../../../src/api/project.ts";
import { touchesOf } from "../../../src/client/project/touches.ts";

const directory = path.resolve("/work/shop");
const touches = (wanted: ProjectInstance) => touchesOf({ instances: { web: wanted } }, directory);
const web = { instance: "web" };

test.each<[ProjectInstance, object[]]>([
  [{}, []],
  [
    { image: "24.04", cpus: 2, "user-data": "#cloud-config", provision: ["rm -rf /"], disks: { a: "1G" } },
    [],
  ],
  [
    { mounts: ["./site:/srv/site", "/etc"] },
    [
      { kind: "mount", ...web, source: path.join(directory, "site"), target: "/srv/site" },
      { kind: "mount", ...web, source: path.resolve("/etc"), target: "etc" },
    ],
  ],
  [
    { ports: ["8080:80", "53", "0.0.0.0:53:53/udp", "127.0.0.5:1:2"] },
    [
      { kind: "port", ...web, address: "127.0.0.1", port: "8080/tcp", exposed: false },
      { kind: "port", ...web, address: "127.0.0.1", port: "53/tcp", exposed: false },
      { kind: "port", ...web, address: "0.0.0.0", port: "53/udp", exposed: true },
      { kind: "port", ...web, address: "127.0.0.5", port: "1/tcp", exposed: false },
    ],
  ],
  [
    { networks: ["bridged", "name=br0,mode=manual"] },
    [
      { kind: "network", ...web, network: "bridged" },
      { kind: "network", ...web, network: "br0" },
    ],
  ],
  [
    { "cloud-init": "../secret" },
    [{ kind: "user-data", ...web, from: path.resolve(directory, "../secret") }],
  ],
  [{ "cloud-init": "https://example.com/x" }, [{ kind: "user-data", ...web, from: "https://example.com/x" }]],
  [{ image: "https://example.com/x.img" }, [{ kind: "image", ...web, from: "https://example.com/x.img" }]],
  [{ image: "file:///data/x.img" }, [{ kind: "image", ...web, from: path.resolve("/data/x.img") }]],
  [{ image: "file://server/%zz" }, [{ kind: "image", ...web, from: "file://server/%zz" }]],
])("%j touches %j", (wanted, expected) => expect(touches(wanted)).toEqual(expected));

test("every mount, port and network of a file is told", () => {
  const port = fc.integer({ min: 1, max: 65_535 }).map(String);
  const name = fc.stringMatching(/^[a-z]{1,8}$/);
  const wanted = fc.record({
    mounts: fc.array(name.map((one) => `./${one}:/srv/${one}`)),
    ports: fc.array(fc.tuple(port, port).map(([host, guest]) => `${host}:${guest}`)),
    networks: fc.array(name),
  });
  fc.assert(
    fc.property(fc.dictionary(name, wanted, { maxKeys: 4 }), (instances) => {
      const all = touchesOf({ instances }, directory);
      for (const [instance, { mounts, ports, networks }] of Object.entries(instances)) {
        const own = (kind: string) => all.filter((one) => one.kind === kind && one.instance === instance);
        expect(own("mount")).toHaveLength(mounts.length);
        expect(own("port")).toHaveLength(ports.length);
        expect(own("network")).toHaveLength(networks.length);
      }
    }),
  );
});
