/** What listens in a guest, as its kernel and its ss tell it; and whatever else a hostile guest may say. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { PortListener } from "../../../../src/api/port.ts";
import {
  listenersReader,
  parseListeners,
  parseProcesses,
  parseSockets,
} from "../../../../src/engine/guest/listeners.ts";
import { sectionsOf } from "../../../../src/engine/guest/sections.ts";

const ANY6 = "0".repeat(32);
const ONE6 = `${"0".repeat(24)}01000000`;

const said = (sockets: string, processes = "") =>
  parseListeners(sectionsOf(`== range\n32768\t60999\n== sockets\n${sockets}\n== processes\n${processes}\n`));

test.each([
  ["all of IPv4", "00000000:1F90 0A 1", { port: 8080, address: "0.0.0.0", via: "network" }],
  ["all of both", `${ANY6}:1F90 0A 1`, { port: 8080, address: "::", via: "network" }],
  ["loopback", "0100007F:0BB8 0A 1", { port: 3000, address: "127.0.0.1", via: "ssh" }],
  ["loopback of IPv6", `${ONE6}:0BB8 0A 1`, { port: 3000, address: "::1", via: "ssh" }],
  [
    "loopback, mapped",
    "0000000000000000FFFF00000100007F:0BB8 0A 1",
    { port: 3000, address: "::ffff:127.0.0.1", via: "ssh" },
  ],
  ["UDP", "00000000:14E9 07 1", { protocol: "udp", port: 5353, address: "0.0.0.0", via: "network" }],
])("%s", (_name, line, expected) => {
  expect(said(line)).toEqual([{ protocol: "tcp", ...expected }]);
});

test.each([
  ["the guest's SSH server", `00000000:0016 0A 1\n${ANY6}:0016 0A 2`],
  ["an address of one network alone", "09014D0A:1F90 0A 1"],
  ["the name server's own loopback address", "3500007F:0035 0A 1\n3500007F:0035 07 2"],
  ["UDP on loopback, which SSH does not carry", "0100007F:0143 07 1"],
  ["DHCP clients", `00000000:0044 07 1\n${ANY6}:0222 07 2`],
  ["UDP of programs that only ask", "00000000:8001 07 1"],
  ["a TCP socket that does not listen", "00000000:1F90 01 1"],
  ["port 0", "00000000:0000 0A 1"],
  ["what is no socket at all", "hello\n0100007F:1F90\n0100007G:1F90 0A 1\n:1F90 0A\n00000000:1F9 0A 1"],
])("%s is left out", (_name, lines) => expect(said(lines)).toEqual([]));

test("one for each port: the way through the network before that through SSH", () => {
  const lines = `0100007F:1F90 0A 1\n00000000:1F90 0A 2\n${ANY6}:1F90 0A 3\n00000000:1F90 07 4\n${ONE6}:0050 0A 5`;
  expect(said(lines)).toEqual([
    { protocol: "tcp", port: 80, address: "::1", via: "ssh" },
    { protocol: "tcp", port: 8080, address: "0.0.0.0", via: "network" },
    { protocol: "udp", port: 8080, address: "0.0.0.0", via: "network" },
  ]);
});

test("programs are named by ss, where it is there and may", () => {
  const ss = `udp   UNCONN 0      0      127.0.0.53%lo:53        0.0.0.0:*    users:(("systemd-resolve",pid=1,fd=2))
tcp   LISTEN 0      128          0.0.0.0:8080      0.0.0.0:*    users:(("python3",pid=812,fd=3),("python3",pid=9,fd=3))
tcp   LISTEN 0      511             [::1]:3000         [::]:*    users:(("node",pid=7,fd=18))
tcp   LISTEN 0      511                 *:9000            *:*    users:(("a b",pid=7,fd=18))
tcp   LISTEN 0      511         127.0.0.1:6010      0.0.0.0:*    users:(("sshd",pid=7,fd=18))
tcp   LISTEN 0      5             0.0.0.0:7000      0.0.0.0:*
`;
  const lines = `00000000:1F90 0A 1\n${ONE6}:0BB8 0A 1\n${ANY6}:2328 0A 1\n0100007F:177A 0A 1\n00000000:1B58 0A 1`;
  expect(said(lines, ss).map(({ port, process }) => [port, process])).toEqual([
    [3000, "node"],
    [7000, undefined],
    [8080, "python3"],
    [9000, "a b"],
  ]);
  expect(parseProcesses(ss).get("udp 53 one")).toBe("systemd-resolve");
});

test("a name that would deceive is spelled out, and short", () => {
  const ss = (name: string) => `tcp LISTEN 0 5 0.0.0.0:8080 0.0.0.0:* users:(("${name}",pid=1,fd=3))`;
  const named = (name: string) => said("00000000:1F90 0A 1", ss(name))[0]?.process;
  expect(named("\u001b[31mred\u001b[0m")).toBe("red");
  expect(named("\u202egpj.exe")).toBe("<U+202E>gpj.exe");
  expect(named("a\tb\u0007")).toBe("a b");
  expect(named("x".repeat(10_000_000))).toBe("x".repeat(40));
  expect(named("two\nlines")).toBeUndefined();
  expect(named("\u001b")).toBeUndefined();
});

test("ten megabytes without an end are dropped, and what comes after them is read", () => {
  const reader = listenersReader();
  for (let at = 0; at < 10; at += 1) expect(reader.push("\n== sockets\n".repeat(2 ** 20 / 11))).toEqual([]);
  reader.push("\n== end\n");
  expect(reader.push("== sockets\n00000000:1F90 0A 1\n== end\n")).toEqual([
    [{ protocol: "tcp", port: 8080, address: "0.0.0.0", via: "network" }],
  ]);
});

const ports = fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { maxLength: 400 });
const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, "0");

test("every port that can be reached is told once, sorted, up to the most", () => {
  fc.assert(
    fc.property(ports, fc.boolean(), (all, loopback) => {
      const address = loopback ? "0100007F" : "00000000";
      const listeners = said(all.map((port) => `${address}:${hex(port)} 0A 1`).join("\n"));
      const expected = all.filter((port) => port !== 22);
      expect(listeners.length).toBe(Math.min(expected.length, 256));
      expect(listeners.map(({ port }) => port)).toEqual(
        listeners.map(({ port }) => port).sort((a, b) => a - b),
      );
      for (const { port } of listeners) expect(expected).toContain(port);
    }),
  );
});

test("whatever a guest says is a list of listeners", () => {
  const line = fc.oneof(
    fc.string(),
    fc.stringMatching(/^[0-9A-F]{8}:[0-9A-F]{4} (0A|07) [0-9]+$/),
    fc.stringMatching(/^tcp LISTEN 0 5 [0-9.]*:[0-9]{1,6} \* users:\(\("[^\n]{0,60}",pid=1$/),
  );
  fc.assert(
    fc.property(fc.array(line), fc.array(line), (sockets, processes) => {
      for (const one of said(sockets.join("\n"), processes.join("\n"))) PortListener.parse(one);
      parseSockets(sockets.join("\n"));
    }),
  );
});
