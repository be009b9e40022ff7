import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ZoneBook } from "../../../../src/engine/instances/zone-book.ts";
import {
  chooseSubnet,
  contains,
  drawAddress,
  parseAddress,
  parseNetwork,
} from "../../../../src/engine/networks/addresses.ts";
import { openStore, type Store } from "../../../../src/engine/store/store.ts";

const subnet = { ...chooseSubnet([], "seed"), cidr: "10.77.0.0/16" };
const ID = "00000000-0000-4000-8000-000000000001";
const OTHER = "00000000-0000-4000-8000-000000000002";

let folder: string;
let store: Store;
let book: ZoneBook;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "berth-zones-"));
  store = await openStore(path.join(folder, "engine.db"));
  book = new ZoneBook(store, subnet);
});

afterEach(async () => {
  store.close();
  await rm(folder, { recursive: true, force: true });
});

describe("zones", () => {
  test("are three, each with 4,096 addresses of the engine's subnet", () => {
    expect(book.list()).toEqual([
      { name: "zone1", available: true, subnet: "10.77.16.0/20" },
      { name: "zone2", available: true, subnet: "10.77.32.0/20" },
      { name: "zone3", available: true, subnet: "10.77.48.0/20" },
    ]);
  });

  test("an address is drawn from its zone, until all are taken", () => {
    const part = book.subnetIn("zone2");
    const taken = new Set<string>();
    for (let i = 0; i < 4079; i += 1) {
      const address = drawAddress(part, `${ID}${i}`, taken);
      expect(contains(parseNetwork("10.77.32.0/20"), parseAddress(address))).toBe(true);
      expect(parseAddress(address)).toBeGreaterThanOrEqual(parseAddress("10.77.32.16"));
      expect(taken.has(address)).toBe(false);
      taken.add(address);
    }
    expect(taken.has("10.77.47.255")).toBe(false);
    expect(() => drawAddress(part, OTHER, taken)).toThrow("all of 10.77.32.0/20 are taken");
  });

  test("take turns, those that are disabled left out", () => {
    const turns = (n: number) => Array.from({ length: n }, () => book.takeTurn()).join(" ");
    expect(turns(4)).toBe("zone1 zone2 zone3 zone1");
    book.disable("zone2", []);
    expect(turns(3)).toBe("zone3 zone1 zone3");
    book.disable("zone1", []);
    book.disable("zone3", []);
    expect(() => book.takeTurn()).toThrow("none is available");
  });

  test("what is disabled, what ran there and whose turn it is outlive the engine", () => {
    book.takeTurn();
    book.disable("zone2", [ID]);
    book.disable("zone2", [OTHER]);
    const next = new ZoneBook(store, subnet);
    expect(next.of("zone2")).toEqual({ name: "zone2", available: false });
    expect(next.ranIn("zone2")).toEqual([ID, OTHER]);
    expect(next.takeTurn()).toBe("zone3");
    next.enable("zone2");
    next.noLongerWaits("zone2", ID);
    const last = new ZoneBook(store, subnet);
    expect(last.of("zone2").available).toBe(true);
    expect(last.ranIn("zone2")).toEqual([OTHER]);
  });

  test("say what speaks against a launch", () => {
    const reasons = (wanted?: string) =>
      book.findings(wanted).map(({ message, error }) => `${error}: ${message}`);
    expect(reasons()).toEqual([]);
    expect(reasons("zone1")).toEqual([]);
    expect(reasons("zone4")).toEqual(['not-found: zone "zone4" does not exist']);
    for (const name of ["zone1", "zone2", "zone3"]) book.disable(name, []);
    expect(reasons("zone1")).toEqual(["wrong-state: zone1 is disabled"]);
    expect(reasons()).toEqual(["wrong-state: no zone is available"]);
  });

  test("a damaged record counts as none", () => {
    store.writeSettings({ "internal.zones": { disabled: 7 } });
    expect(new ZoneBook(store, subnet).list().every(({ available }) => available)).toBe(true);
  });
});
