/** Ports as people write them, and as QEMU reads and lists them. */
import { expect, test } from "vitest";
import { listenersTable, parsePort } from "../../../src/cli/ports.ts";
import { isForwarded, ruleOf } from "../../../src/engine/drivers/qemu/ports.ts";

test.each([
  ["80", { guestPort: 80 }],
  ["8080:80", { hostPort: 8080, guestPort: 80 }],
  ["own:8080:80", { hostAddress: "own", hostPort: 8080, guestPort: 80 }],
  ["53:53/udp", { hostPort: 53, guestPort: 53, protocol: "udp" }],
  ["0.0.0.0:8080:80/tcp", { hostAddress: "0.0.0.0", hostPort: 8080, guestPort: 80, protocol: "tcp" }],
])("%s", (text, port) => expect(parsePort(text)).toEqual(port));

test.each(["", "0", "65536", "80:", ":80", "a", "80/sctp", "1.2.3.4:80", "80:80:80", "-1"])(
  "%j is no port",
  (text) => {
    expect(() => parsePort(text)).toThrow(/is not a valid port/);
  },
);

const web = { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 80 } as const;

test("QEMU's rule, and its list", () => {
  expect(ruleOf(web, "10.1.2.3")).toBe("tcp:127.0.0.1:8080-10.1.2.3:80");
  const list = `Hub -1 (net):
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
  TCP[HOST_FORWARD]  12       127.0.0.1  8080        10.1.2.3    80     0     0
  UDP[HOST_FORWARD]  13       127.0.0.1  5353        10.1.2.3    53     0     0
`;
  expect(isForwarded(list, web)).toBe(true);
  expect(isForwarded(list, { ...web, protocol: "udp" })).toBe(false);
  expect(isForwarded(list, { ...web, hostPort: 80 })).toBe(false);
});

test("what listens in a guest, and where it can be reached from here", () => {
  const listeners = [
    { protocol: "tcp", port: 80, address: "0.0.0.0", via: "network", process: "nginx" },
    { protocol: "tcp", port: 3000, address: "::1", via: "ssh" },
  ] as const;
  expect(listenersTable(listeners, [web, { ...web, hostPort: 9090 }, { ...web, protocol: "udp" }])).toBe(
    [
      "Guest  Protocol  Program  Listens at       Here",
      "80     tcp       nginx    0.0.0.0          127.0.0.1:8080, 127.0.0.1:9090",
      "3000   tcp       --       ::1 (--via ssh)  --",
      "",
    ].join("\n"),
  );
});
