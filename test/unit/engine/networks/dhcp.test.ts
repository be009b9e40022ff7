/** A guest that asks by DHCP gets the address that is its own, or nothing. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { answerDhcp, type Lease } from "../../../../src/engine/networks/dhcp.ts";

const lease: Lease = { mac: 0x5254_0012_3456, address: 0x0a4d_0109, mask: 0xffff_0000, server: 0x0a4d_0002 };

type Asked = { type?: number; mac?: number; client?: number; options?: number[]; end?: number[] };

function message({ type, mac = lease.mac, client = 0, options = [], end = [255] }: Asked): Buffer {
  const head = Buffer.alloc(240);
  head.set([1, 1, 6]);
  head.writeUInt32BE(0xfeed_beef, 4);
  head.writeUInt32BE(client, 12);
  head.writeUIntBE(mac, 28, 6);
  head.writeUInt32BE(0x6382_5363, 236);
  return Buffer.concat([
    head,
    Buffer.from([...(type === undefined ? [] : [53, 1, type]), ...options, ...end]),
  ]);
}

/** What of an answer a client goes by. */
function read(answer: Buffer | undefined) {
  if (!answer) return undefined;
  const options: Record<number, string> = {};
  for (let at = 240; answer[at] !== 255; ) {
    const end = at + 2 + answer.readUInt8(at + 1);
    options[answer.readUInt8(at)] = answer.subarray(at + 2, end).toString("hex");
    at = end;
  }
  return {
    transaction: answer.readUInt32BE(4),
    mac: answer.readUIntBE(28, 6),
    address: answer.readUInt32BE(16),
    options,
  };
}

const address = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const given = { 51: "00015180", 1: "ffff0000", 54: "0a4d0002" };
const own = { transaction: 0xfeed_beef, mac: lease.mac, address: lease.address };

test.each<[string, Asked, unknown]>([
  ["a search", { type: 1 }, { ...own, options: { 53: "02", ...given } }],
  [
    "a request for it",
    { type: 3, options: [50, 4, ...address(lease.address), 54, 4, ...address(lease.server)] },
    { ...own, options: { 53: "05", ...given } },
  ],
  ["a renewal", { type: 3, client: lease.address }, { ...own, options: { 53: "05", ...given } }],
  [
    "a request for another's",
    { type: 3, options: [50, 4, ...address(0x0a4d_0110)] },
    { ...own, address: 0, options: { 53: "06", 54: "0a4d0002" } },
  ],
  [
    "a request to another server",
    { type: 3, options: [50, 4, ...address(lease.address), 54, 4, 1, 2, 3, 4] },
    undefined,
  ],
  ["a release", { type: 7, client: lease.address }, undefined],
  ["a refusal", { type: 4 }, undefined],
  ["another's question", { type: 1, mac: lease.mac + 1 }, undefined],
  ["a question of no type", {}, undefined],
  ["an option that is cut short", { type: 1, options: [50, 200, 1], end: [] }, undefined],
])("%s", (_what, asked, expected) => {
  expect(read(answerDhcp(message(asked), lease))).toEqual(expected);
});

test("whatever arrives, no other address is given, no router and no name server", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat({ max: 300 }), (noise, cut) => {
      const asked = message({ options: [...noise], end: [] });
      const answer = read(answerDhcp(asked.subarray(0, Math.max(cut, 200)), lease));
      if (!answer) return;
      expect([0, lease.address]).toContain(answer.address);
      expect(answer.mac).toBe(lease.mac);
      expect(Object.keys(answer.options).every((option) => ["1", "51", "53", "54"].includes(option))).toBe(
        true,
      );
    }),
    { numRuns: 500 },
  );
});
