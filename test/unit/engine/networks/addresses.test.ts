import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  chooseSubnet,
  contains,
  drawAddress,
  drawMac,
  formatAddress,
  overlap,
  parseAddress,
  parseNetwork,
  subnetAround,
} from "../../../../src/engine/networks/addresses.ts";

const address = fc.nat({ max: 2 ** 32 - 1 });

describe("addresses", () => {
  test("text and number are the same", () => {
    fc.assert(fc.property(address, (value) => parseAddress(formatAddress(value)) === value));
    for (const bad of ["", "1.2.3", "1.2.3.256", "1.2.3.x", "::1"]) {
      expect(() => parseAddress(bad)).toThrow("is not an IPv4 address");
    }
  });

  test("overlap is symmetric, and true exactly when one contains the other's begin", () => {
    const network = fc
      .tuple(address, fc.integer({ min: 0, max: 32 }))
      .map(([value, bits]) => parseNetwork(`${formatAddress(value)}/${bits}`));
    fc.assert(
      fc.property(network, network, (a, b) => {
        expect(overlap(a, b)).toBe(overlap(b, a));
        expect(overlap(a, a)).toBe(true);
      }),
    );
  });
});

describe("chooseSubnet", () => {
  test("avoids every network of the host while one is free", () => {
    const taken = fc.array(
      fc
        .tuple(fc.nat({ max: 255 }), fc.nat({ max: 255 }), fc.integer({ min: 12, max: 32 }))
        .map(([b, c, bits]) => `10.${b}.${c}.1/${bits}`),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(taken, fc.string(), (cidrs, seed) => {
        const subnet = chooseSubnet([...cidrs, "192.168.1.5/24", "fe80::1/64", "127.0.0.1/8"], seed);
        const network = parseNetwork(subnet.cidr);
        expect(network.bits).toBe(16);
        for (const cidr of cidrs) expect(overlap(network, parseNetwork(cidr))).toBe(false);
        expect(contains(network, parseAddress(subnet.gateway))).toBe(true);
        expect(contains(network, parseAddress(subnet.dns))).toBe(true);
        expect(subnet.gateway).not.toBe(subnet.dns);
        expect(subnetAround(subnet.gateway)).toEqual(subnet);
      }),
    );
  });

  test("a host that has all of 10.0.0.0/8 still gets one", () => {
    expect(chooseSubnet(["10.1.2.3/8"], "x").cidr).toMatch(/^10\.\d+\.0\.0\/16$/);
  });
});

describe("what an instance has of its own", () => {
  const subnet = chooseSubnet([], "test");

  test("addresses and MACs are unique, inside, and never reserved", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.uuid(), { maxLength: 200 }), (ids) => {
        const addresses = new Set<string>();
        const macs = new Set<string>();
        for (const id of ids) {
          const drawn = drawAddress(subnet, id, addresses);
          const mac = drawMac(id, macs);
          expect(addresses.has(drawn)).toBe(false);
          expect(macs.has(mac)).toBe(false);
          expect(mac).toMatch(/^52:54:00(:[0-9a-f]{2}){3}$/);
          const value = parseAddress(drawn);
          const { base } = parseNetwork(subnet.cidr);
          expect(value).toBeGreaterThanOrEqual(base + 16);
          expect(value).toBeLessThan(base + 2 ** 16 - 1);
          addresses.add(drawn);
          macs.add(mac);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("a full subnet says so", () => {
    const nat = { cidr: "10.9.0.24/29", gateway: "10.9.0.25", dns: "10.9.0.26", address: "10.9.0.27" };
    const tiny = { cidr: "10.9.0.0/27", gateway: "10.9.0.1", dns: "10.9.0.2", nat };
    const taken = new Set<string>();
    for (let i = 0; i < 8; i += 1) taken.add(drawAddress(tiny, `id-${i}`, taken));
    expect(taken.size).toBe(8);
    expect(() => drawAddress(tiny, "one more", taken)).toThrow("all of 10.9.0.0/27 are taken");
  });
});
