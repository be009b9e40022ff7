/** What a suspended guest's memory fits, and the way it takes between QEMU and its file. */
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "../../../../src/base/secret.ts";
import { hardwareOf } from "../../../../src/engine/drivers/qemu/argv.ts";
import { type KeptMemory, loadMemory, saveMemory } from "../../../../src/engine/drivers/qemu/memory.ts";
import type { QmpClient, QmpEvent } from "../../../../src/engine/drivers/qemu/qmp.ts";
import { refuseLostMachine } from "../../../../src/engine/drivers/qemu/suspend.ts";
import {
  asSuspended,
  hasSuspendRecord,
  machineName,
  mismatch,
  readSuspendRecord,
  removeSuspendRecord,
  type SuspendRecord,
  writeSuspendRecord,
} from "../../../../src/engine/drivers/qemu/suspend-record.ts";
import { silentLog } from "../../../../src/engine/log.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-suspend-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const record: SuspendRecord = {
  ...{ schema: 1, instance: "i-1", version: "7.2.22", machine: "pc-q35-7.2-machine", hardware: "abc" },
  ...{ bytes: 10, suspendedAt: "2026-01-01T00:00:00.000Z" },
};
const web = { id: "i-1", name: "web" };

describe("a record", () => {
  test("is read back, and is gone when it is removed, however often", async () => {
    expect(await readSuspendRecord(directory, web)).toBeUndefined();
    await writeSuspendRecord(directory, record);
    expect(await hasSuspendRecord(directory)).toBe(true);
    expect(await readSuspendRecord(directory, web)).toEqual(record);
    await removeSuspendRecord(directory);
    await removeSuspendRecord(directory);
    expect(await readdir(directory)).toEqual([]);
  });

  test("that is damaged, or another's, is refused and kept", async () => {
    await writeFile(path.join(directory, "suspend.json"), "{");
    await expect(readSuspendRecord(directory, web)).rejects.toMatchObject({
      code: "wrong-state",
      message: "cannot resume web: the record of its memory is damaged",
      hint: expect.stringContaining("berth start --cold web"),
    });
    await writeSuspendRecord(directory, { ...record, instance: "i-2" });
    await expect(readSuspendRecord(directory, web)).rejects.toMatchObject({ code: "wrong-state" });
    expect(await hasSuspendRecord(directory)).toBe(true);
  });

  test.each([
    [{ version: "7.2.22", hardware: "abc" }, undefined],
    [{ version: "7.2.3", hardware: "abc" }, undefined],
    [{ version: "7.2.22", hardware: "abc", machine: "pc-q35-7.2-machine" }, undefined],
    [{ version: "8.2.1", hardware: "abc" }, undefined],
    [{ version: "10.0.0", hardware: "abc" }, undefined],
    [{ version: "6.2.0", hardware: "abc" }, "it was suspended by QEMU 7.2.22, and this is QEMU 6.2.0"],
    [{ version: "7.1.9", hardware: "abc" }, "it was suspended by QEMU 7.2.22, and this is QEMU 7.1.9"],
    [
      { version: "7.2.22", hardware: "abc", machine: "pc-q35-7.1-machine" },
      "it was suspended on the machine type pc-q35-7.2-machine, and this QEMU has pc-q35-7.1-machine",
    ],
    [
      { version: "7.2.22", hardware: "xyz" },
      "it was suspended with other virtual hardware than it would get now",
    ],
  ])("fits %o: %s", (here, reason) => {
    expect(mismatch(record, here)).toBe(reason);
  });
});

test("a QEMU of a later series is asked for the machine of then, and must still have it", async () => {
  expect(machineName(record)).toBe("pc-q35-7.2");
  const program = path.join(directory, "qemu");
  const help = "q35 Standard PC (alias of pc-q35-9.1)\npc-q35-9.1 Standard PC\npc-q35-7.2 Standard PC";
  await writeFile(program, `#!/bin/sh\n[ "$*" = "-machine help" ] && echo '${help}'\n`, { mode: 0o755 });
  const qemu = { program, version: "9.1.0" };
  await refuseLostMachine(ctx(), qemu, "web", record);
  const old = { ...record, version: "2.5.0", machine: "pc-q35-2.5-machine" };
  await expect(refuseLostMachine(ctx(), qemu, "web", old)).rejects.toMatchObject({
    code: "wrong-state",
    message:
      "cannot resume web: it was suspended by QEMU 2.5.0 on the machine type pc-q35-2.5, which QEMU 9.1.0 does not have",
    hint: expect.stringContaining("berth start --cold web"),
    details: { cold: true },
  });
});

test("hardware is what the guest sees, and nothing else", () => {
  const argv = [
    "qemu",
    "-nodefaults",
    "-name",
    "guest=web",
    "-smp",
    "2",
    "-device",
    "virtio-rng-pci,rng=rng",
  ];
  const same = [
    "/opt/qemu",
    "-nodefaults",
    "-name",
    "guest=shop",
    "-smp",
    "2",
    "-device",
    "virtio-rng-pci,rng=rng",
  ];
  const digest = hardwareOf(argv);
  expect(hardwareOf([...same, "-chardev", "file,id=serial,path=/x", "-incoming", "defer"])).toBe(digest);
  expect(hardwareOf(argv.map((word) => (word === "2" ? "3" : word)))).not.toBe(digest);
  expect(hardwareOf([...argv, "-device", "virtio-blk-pci,drive=more"])).not.toBe(digest);
});

/** A monitor that does with the socket what QEMU would. */
class FakeMonitor {
  readonly asked: string[] = [];
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #act: (self: FakeMonitor, command: string, uri: string) => void;
  readonly closed = new Promise<void>(() => {});

  constructor(act: (self: FakeMonitor, command: string, uri: string) => void) {
    this.#act = act;
  }

  onEvent = (listener: (event: QmpEvent) => void) => {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  };

  say(status: string): void {
    for (const listener of this.#listeners) listener({ name: "MIGRATION", data: { status } });
  }

  execute = async (command: string, args: { uri?: string } = {}): Promise<unknown> => {
    this.asked.push(command);
    if (command === "query-migrate") return { status: "failed", "error-desc": "no such device" };
    if (args.uri) this.#act(this, command, args.uri.replace("unix:", ""));
    return {};
  };

  get client(): QmpClient {
    return this as unknown as QmpClient;
  }
}

const ctx = (signal: AbortSignal = AbortSignal.timeout(10_000)) => ({
  signal,
  progress: () => {},
  log: silentLog,
});

describe("memory", () => {
  const memory = Buffer.concat([randomBytes(300_000), Buffer.alloc(3_000_000, 7)]);
  const file = () => path.join(directory, "memory.zst");
  const socket = () => path.join(directory, "mem.sock");

  const giving = new FakeMonitor((self, _command, uri) => {
    const to = net.connect(uri);
    to.end(memory, () => self.say("completed"));
  });

  async function taken(saved: KeptMemory & { key?: Secret }): Promise<Buffer> {
    const chunks: Buffer[] = [];
    const taking = new FakeMonitor((self, command, uri) => {
      if (command !== "migrate-incoming") return;
      const server = net.createServer((from) => {
        from.on("data", (chunk) => chunks.push(chunk));
        from.on("end", () => {
          server.close();
          self.say("completed");
        });
      });
      server.listen(uri);
    });
    await loadMemory(ctx(), taking.client, socket(), { file: file(), ...saved });
    return Buffer.concat(chunks);
  }

  test("goes into a file, smaller, and comes back as it was", async () => {
    const saved = await saveMemory(ctx(), giving.client, socket(), file());
    expect(saved.bytes).toBeLessThan(400_000);
    expect((await taken(saved)).equals(memory)).toBe(true);
    expect(await readdir(directory)).toEqual(["memory.zst"]);
  });

  test("of an encrypted guest is sealed: its key alone gives it back, and what is damaged is noticed", async () => {
    const key = new Secret("11".repeat(32));
    const saved = await saveMemory(ctx(), giving.client, socket(), file(), key);
    expect(saved).toEqual({ bytes: expect.any(Number), sealed: true });
    const kept = await readFile(file());
    expect(() => zstdDecompressSync(kept)).toThrow();
    expect((await taken({ ...saved, key })).equals(memory)).toBe(true);
    await expect(taken({ ...saved, key: new Secret("22".repeat(32)) })).rejects.toThrow(
      "sealed by another key",
    );
    kept[kept.length - 30] = (kept[kept.length - 30] ?? 0) ^ 1;
    await writeFile(file(), kept);
    await expect(taken({ ...saved, key })).rejects.toThrow("its file is damaged");
  });

  test("that was cut short on disk is noticed", async () => {
    const saved = await saveMemory(ctx(), giving.client, socket(), file());
    for (const missing of [1, 10, 5000]) {
      await truncate(file(), saved.bytes - missing);
      await expect(taken(saved)).rejects.toThrow(
        `its file has ${saved.bytes - missing} bytes of ${saved.bytes}`,
      );
    }
  });

  test("that is damaged is noticed, though QEMU is content with it before its end has been read", async () => {
    const saved = await saveMemory(ctx(), giving.client, socket(), file());
    const kept = await readFile(file());
    kept[200_000] = (kept[200_000] ?? 0) ^ 1;
    await writeFile(file(), kept);
    const content = new FakeMonitor((self, command, uri) => {
      if (command !== "migrate-incoming") return;
      const server = net.createServer((from) => {
        from.on("error", () => {});
        from.once("data", () => {
          from.resume();
          self.say("completed");
          server.close();
        });
      });
      server.listen(uri);
    });
    await expect(loadMemory(ctx(), content.client, socket(), { file: file(), ...saved })).rejects.toThrow();
  });

  test("that QEMU cannot give leaves nothing, and QEMU's words", async () => {
    const failing = new FakeMonitor((self) => self.say("failed"));
    await expect(saveMemory(ctx(), failing.client, socket(), file())).rejects.toThrow("no such device");
    expect(await readdir(directory)).toEqual([]);
    expect(failing.asked).toContain("migrate_cancel");
  });

  test("that is called off half-way leaves nothing", async () => {
    const controller = new AbortController();
    const slow = new FakeMonitor((_self, _command, uri) => {
      const to = net.connect(uri);
      to.on("error", () => {});
      to.write(memory, () => controller.abort(new DOMException("cancelled", "AbortError")));
    });
    await expect(saveMemory(ctx(controller.signal), slow.client, socket(), file())).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(await readdir(directory)).toEqual([]);
  });
});

test("a guest is resumed with the NICs that it was suspended with, where one of the choices has them", () => {
  const chosen = (kept: Partial<SuspendRecord>) =>
    asSuspended({ ...record, ...kept }, ["now", "then"], (one) => one);
  expect(["then", "now", "neither"].map((hardware) => chosen({ hardware }))).toEqual(["then", "now", "now"]);
  const { hardware: _, ...unknown } = record;
  expect(asSuspended(unknown, ["now", "then"], (one) => one)).toBe("now");
  expect(asSuspended(undefined, ["now", "then"], () => "then")).toBe("now");
});
