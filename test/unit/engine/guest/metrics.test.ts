/** Samples of a guest's counters, and the rates between two. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { metricsOf, parseSample, SampleReader } from "../../../../src/engine/guest/metrics.ts";

const sample = (uptime: number, idle: number, sectors: number, bytes: number) => `== uptime
${uptime} 99.00
== cpu
cpu  100 0 100 ${idle} 0 0 0 0 0 0
== memory
MemTotal:        1000 kB
MemAvailable:     250 kB
== disk
Filesystem     1024-blocks    Used Available Capacity Mounted on
/dev/vda1          2000       500      1500      25% /
== io
  10  0  ${sectors}  0  10  0  ${2 * sectors}  0  0  0  0
   1  0  8  0  0  0  0  0  0  0  0
== network
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 999999   1    0    0    0     0          0         0   999999   1    0    0    0     0       0          0
  net: ${bytes} 10 0 0 0 0 0 0 ${3 * bytes} 10 0 0 0 0 0 0
`;
const at = new Date("2026-01-01T00:00:00Z");

test("rates are over the guest's own clock; loopback and partitions are left out", () => {
  const before = parseSample(sample(100, 100, 1000, 1000));
  const now = parseSample(sample(102, 300, 3000, 5000));
  expect(metricsOf(now, before, at)).toEqual({
    at: at.toISOString(),
    cpu: 0,
    memory: { usedBytes: 750 * 1024, totalBytes: 1000 * 1024 },
    disk: {
      usedBytes: 500 * 1024,
      totalBytes: 2000 * 1024,
      readBytesPerSecond: (2000 * 512) / 2,
      writtenBytesPerSecond: (4000 * 512) / 2,
    },
    network: { receivedBytesPerSecond: 2000, sentBytesPerSecond: 6000 },
  });
});

test("the first sample, and counters that went back, give no rates", () => {
  const now = parseSample(sample(100, 100, 1000, 1000));
  expect(metricsOf(now, undefined, at)).not.toHaveProperty("cpu");
  const later = parseSample(sample(200, 100, 5000, 5000));
  const back = metricsOf(now, later, at);
  expect(back).not.toHaveProperty("network");
  expect(back.disk).not.toHaveProperty("readBytesPerSecond");
});

test("a guest without these files gives what it has", () => {
  const poor = "== uptime\n5.0 1\n== cpu\n== memory\n== disk\n== io\n== network\n";
  expect(metricsOf(parseSample(poor), parseSample(poor), at)).toEqual({ at: at.toISOString() });
});

test("samples arrive in any pieces", () => {
  const text = `${sample(1, 2, 3, 4)}== end\n${sample(2, 3, 4, 5)}== end\n== uptime\n3`;
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (cuts) => {
      const reader = new SampleReader();
      const found = [];
      let rest = text;
      for (let at = 0; rest; at += 1) {
        const size = cuts[at % cuts.length] ?? 1;
        found.push(...reader.push(rest.slice(0, size)));
        rest = rest.slice(size);
      }
      expect(found).toEqual([parseSample(sample(1, 2, 3, 4)), parseSample(sample(2, 3, 4, 5))]);
    }),
  );
});

test("anything a guest prints is read without an error", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      metricsOf(parseSample(`== cpu\n${a}\n== io\n${b}`), parseSample(b), at);
    }),
  );
});
