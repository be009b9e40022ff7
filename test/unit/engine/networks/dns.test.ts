/** Names of instances, asked for by DNS. */
import packet from "dns-packet";
import fc from "fast-check";
import { expect, test } from "vitest";
import { answerDns, type Names } from "../../../../src/engine/networks/dns.ts";

const names: Names = {
  addressOf: (name) => (name === "web" ? "10.77.1.9" : undefined),
  nameOf: (address) => (address === "10.77.1.9" ? "web" : undefined),
  covers: (address) => address.startsWith("10.77."),
};

function ask(name: string, type: packet.RecordType = "A") {
  const question = { type, name, class: "IN" } as const;
  const answer = answerDns(
    packet.encode({ type: "query", id: 4711, flags: packet.RECURSION_DESIRED, questions: [question] }),
    names,
  );
  if (!answer) throw new Error("no answer");
  const got = packet.decode(answer) as packet.DecodedPacket & { rcode: string };
  expect(got).toMatchObject({ id: 4711, type: "response", questions: [question], flag_rd: true });
  return { code: got.rcode, answers: (got.answers ?? []).map((one) => ("data" in one ? one.data : one)) };
}

test.each([
  ["web", "A", "NOERROR", ["10.77.1.9"]],
  ["web.berth", "A", "NOERROR", ["10.77.1.9"]],
  ["WEB.Berth", "A", "NOERROR", ["10.77.1.9"]],
  ["web.berth", "AAAA", "NOERROR", []],
  ["web", "TXT", "NOERROR", []],
  ["berth", "SOA", "NOERROR", []],
  ["nobody.berth", "A", "NXDOMAIN", []],
  ["a.web.berth", "A", "NXDOMAIN", []],
  ["nobody", "A", "REFUSED", []],
  ["web.example.com", "A", "REFUSED", []],
  ["example.com", "A", "REFUSED", []],
  ["notberth", "A", "REFUSED", []],
  ["9.1.77.10.in-addr.arpa", "PTR", "NOERROR", ["web.berth"]],
  ["9.1.77.10.in-addr.arpa", "A", "NOERROR", []],
  ["8.1.77.10.in-addr.arpa", "PTR", "NXDOMAIN", []],
  ["8.8.8.8.in-addr.arpa", "PTR", "REFUSED", []],
  ["999.1.77.10.in-addr.arpa", "PTR", "REFUSED", []],
] as [string, packet.RecordType, string, string[]][])("%s %s → %s %j", (name, type, code, answers) => {
  expect(ask(name, type)).toEqual({ code, answers });
});

test("what is no question is not answered: no answers, no other operations, no two at once", () => {
  const question = { type: "A", name: "web" } as const;
  const encoded = (more: Partial<packet.Packet>) => packet.encode({ id: 1, questions: [question], ...more });
  expect(answerDns(encoded({ type: "response" }), names)).toBeUndefined();
  expect(answerDns(encoded({ type: "query", flags: 2 << 11 }), names)).toBeUndefined();
  expect(answerDns(encoded({ type: "query", questions: [question, question] }), names)).toBeUndefined();
  expect(answerDns(encoded({ type: "query", questions: [] }), names)).toBeUndefined();
  expect(answerDns(Buffer.alloc(0), names)).toBeUndefined();
});

test("whatever arrives, the answer is none or a response to it, and small", () => {
  const head = Buffer.from("000101000001000000000000", "hex");
  const bytes = fc.uint8Array({ maxLength: 600 });
  fc.assert(
    fc.property(bytes, fc.boolean(), (noise, plausible) => {
      const query = plausible ? Buffer.concat([head, noise]) : Buffer.from(noise);
      const answer = answerDns(query, names);
      if (!answer) return;
      expect(answer.subarray(0, 2)).toEqual(query.subarray(0, 2));
      expect(answer.readUInt8(2) & 0x80).toBe(0x80);
      expect(answer.length).toBeLessThanOrEqual(512);
    }),
    { numRuns: 1000 },
  );
});
