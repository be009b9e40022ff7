/** What becomes of a frame: nothing that is not the sender's own gets through, whatever it is made of. */
import packet from "dns-packet";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { subnetAround } from "../../../../src/engine/networks/addresses.ts";
import type { Names } from "../../../../src/engine/networks/dns.ts";
import {
  arpReply,
  BROADCAST,
  checksum,
  macOf,
  readArp,
  readEthernet,
  readIpv4,
  udpFrame,
} from "../../../../src/engine/networks/packets.ts";
import { serviceOf } from "../../../../src/engine/networks/switch.ts";
import { judge } from "../../../../src/engine/networks/switching.ts";

const a = { mac: macOf("52:54:00:00:00:0a"), address: 0x0a4d_010a };
const b = { mac: macOf("52:54:00:00:00:0b"), address: 0x0a4d_010b };
const service = serviceOf(subnetAround("10.77.0.1"));
const names: Names = {
  addressOf: (name) => (name === "b" ? "10.77.1.11" : undefined),
  nameOf: () => undefined,
  covers: () => false,
};
const verdict = (frame: Buffer, from = a) => judge(frame, from, service, names);
const udp = (from: typeof a, to: typeof a, ports: [number, number] = [1000, 2000], payload = "hello") =>
  udpFrame({ ...from, port: ports[0] }, { ...to, port: ports[1] }, Buffer.from(payload));
const changed = (frame: Buffer, change: (frame: Buffer) => void) => {
  const copy = Buffer.from(frame);
  change(copy);
  return copy;
};
const request = (from: typeof a, target: number) =>
  changed(arpReply(from, { mac: BROADCAST, address: target }), (frame) => frame.writeUInt16BE(1, 20));

describe("what passes", () => {
  test("a datagram to another's MAC, to that one; to everybody, to all", () => {
    expect(verdict(udp(a, b))).toEqual({ how: "one", mac: b.mac });
    expect(verdict(udp(a, { mac: BROADCAST, address: 0x0a4d_ffff }))).toEqual({ how: "all" });
    expect(verdict(udp(a, { mac: macOf("01:00:5e:00:00:fb"), address: 0xe000_00fb }))).toEqual({
      how: "all",
    });
  });

  test("questions for others' MACs, their answers, and a guest's look whether its address is free", () => {
    expect(verdict(request(a, b.address))).toEqual({ how: "all" });
    expect(verdict(arpReply(a, b))).toEqual({ how: "one", mac: b.mac });
    expect(verdict(request({ mac: a.mac, address: 0 }, a.address))).toEqual({ how: "all" });
  });
});

describe("what the network answers itself", () => {
  const answered = (frame: Buffer) => {
    const got = verdict(frame);
    if (got.how !== "answer") throw new Error(`it was not answered: ${JSON.stringify(got)}`);
    expect(readEthernet(got.frame)).toMatchObject({ to: a.mac, from: service.mac });
    return got.frame;
  };

  test("who has its address", () => {
    expect(readArp(answered(request(a, service.address)))).toEqual({
      request: false,
      ...{ senderMac: service.mac, senderAddress: service.address },
      ...{ targetMac: a.mac, targetAddress: a.address },
    });
  });

  test("names", () => {
    const query = packet.encode({ type: "query", id: 9, questions: [{ type: "A", name: "b.berth" }] });
    const frame = udpFrame({ ...a, port: 5353 }, { ...service, port: 53 }, query);
    const ip = readIpv4(answered(frame));
    expect(ip).toMatchObject({ from: service.address, to: a.address, udp: { fromPort: 53, toPort: 5353 } });
    expect(packet.decode(ip?.udp?.payload ?? Buffer.alloc(0)).answers).toMatchObject([
      { data: "10.77.1.11" },
    ]);
  });

  test("a search for an address, with the guest's own", () => {
    const discover = Buffer.alloc(244);
    discover.set([1, 1, 6]);
    discover.writeUIntBE(a.mac, 28, 6);
    discover.writeUInt32BE(0x6382_5363, 236);
    discover.set([53, 1, 1, 255], 240);
    const everybody = { mac: BROADCAST, address: 0xffff_ffff, port: 67 };
    const ip = readIpv4(answered(udpFrame({ mac: a.mac, address: 0, port: 68 }, everybody, discover)));
    expect(ip?.udp).toMatchObject({ fromPort: 67, toPort: 68 });
    expect(ip?.udp?.payload.readUInt32BE(16)).toBe(a.address);
  });
});

test.each<[string, Buffer, string]>([
  ["another's MAC", udp({ ...a, mac: b.mac }, b), "spoofed"],
  ["another's address", udp({ ...a, address: b.address }, b), "spoofed"],
  ["no address", udp({ ...a, address: 0 }, b), "spoofed"],
  ["the network's own MAC", udp({ ...a, mac: service.mac }, b), "spoofed"],
  ["the network's own address", udp({ ...a, address: service.address }, b), "spoofed"],
  ["an answer that says to be another", arpReply({ ...a, address: b.address }, b), "spoofed"],
  [
    "an answer that says that another has its MAC",
    changed(arpReply(a, b), (f) => f.writeUIntBE(b.mac, 22, 6)),
    "spoofed",
  ],
  ["an answer without an address", arpReply({ ...a, address: 0 }, b), "spoofed"],
  ["a question under another's address", request({ ...a, address: b.address }, b.address), "spoofed"],
  ["a DHCP server's answer", udp(a, { mac: BROADCAST, address: 0xffff_ffff }, [67, 68]), "unwanted"],
  ["IPv6", changed(udp(a, b), (f) => f.writeUInt16BE(0x86dd, 12)), "unwanted"],
  ["a VLAN", changed(udp(a, b), (f) => f.writeUInt16BE(0x8100, 12)), "unwanted"],
  ["spanning tree", changed(udp(a, b), (f) => f.writeUInt16BE(0x0026, 12)), "unwanted"],
  ["something longer than a frame", Buffer.concat([udp(a, b), Buffer.alloc(1500)]), "oversize"],
  ["half a header", udp(a, b).subarray(0, 13), "malformed"],
  ["half a packet", udp(a, b).subarray(0, 40), "malformed"],
  ["half a question", request(a, b.address).subarray(0, 40), "malformed"],
  ["a header that is too short", changed(udp(a, b), (f) => f.writeUInt8(0x44, 14)), "malformed"],
  ["more than it has", changed(udp(a, b), (f) => f.writeUInt16BE(9000, 16)), "malformed"],
  [
    "a datagram that says to be longer than it is",
    changed(udp(a, b), (f) => f.writeUInt16BE(9000, 38)),
    "malformed",
  ],
  ["IPv5", changed(udp(a, b), (f) => f.writeUInt8(0x55, 14)), "malformed"],
  ["to itself", udp(a, a), "nobody"],
  ["to a port of the network that nobody listens on", udp(a, service, [1000, 80]), "nobody"],
])("%s is dropped", (_what, frame, why) => {
  expect(verdict(frame)).toEqual({ how: "drop", why });
});

test("no frame whatsoever passes under another's MAC or address, nor as a DHCP server", () => {
  const noise = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  /** A good frame with some bytes changed: far more likely to be taken for something than noise is. */
  const mutated = fc
    .tuple(
      fc.constantFrom(udp(a, b), udp(a, b, [67, 68]), request(a, b.address), arpReply(a, b), udp(b, a)),
      fc.array(fc.tuple(fc.nat({ max: 59 }), fc.nat({ max: 255 })), { maxLength: 6 }),
    )
    .map(([frame, changes]) =>
      changed(frame, (copy) => {
        for (const [at, byte] of changes) copy.writeUInt8(byte, at);
      }),
    );
  fc.assert(
    fc.property(fc.oneof(noise, mutated), (frame) => {
      const got = verdict(frame);
      if (got.how === "drop") return;
      expect(readEthernet(frame)?.from).toBe(a.mac);
      if (got.how === "answer") return expect(readEthernet(got.frame)?.to).toBe(a.mac);
      const arp = readEthernet(frame)?.type === 0x0806 ? readArp(frame) : undefined;
      const ip = arp ? undefined : readIpv4(frame);
      if (arp) expect(arp.senderMac).toBe(a.mac);
      if (arp) expect(arp.request ? [a.address, 0] : [a.address]).toContain(arp.senderAddress);
      else expect(ip?.from).toBe(a.address);
      expect(ip?.udp?.fromPort).not.toBe(67);
    }),
    { numRuns: 3000 },
  );
});

test("a header's checksum is right", () => {
  expect(checksum(udp(a, b).subarray(14, 34))).toBe(0);
  expect(checksum(Buffer.from("45000073000040004011b861c0a80001c0a800c7", "hex"))).toBe(0);
});
