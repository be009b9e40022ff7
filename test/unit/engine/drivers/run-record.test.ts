/** What is written down of a QEMU that runs, read back from any damage; and how its end is told. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { identify, sameProcess } from "../../../../src/base/process-identity.ts";
import { startChild } from "../../../../src/base/run.ts";
import { DRIVER_LOG, exitOf, lastWords } from "../../../../src/engine/drivers/qemu/exit.ts";
import {
  type RunRecord,
  readRunRecord,
  removeRunRecord,
  writeRunRecord,
} from "../../../../src/engine/drivers/qemu/run-record.ts";

let directory: string;
const file = () => path.join(directory, "run.json");
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-record-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const record: RunRecord = {
  schema: 1,
  instance: "3f0f6c9e-0000-4000-8000-000000000001",
  process: { pid: 4711, startTime: "123456", bootId: "b0071d" },
  monitor: "/run/berth/3f0f6c9e.qmp",
  sshPort: 40123,
  accelerator: "kvm",
  startedAt: "2026-01-01T00:00:00.000Z",
  problems: [
    { code: "accelerator-unusable", severity: "warning", message: "KVM does not work", hint: "Look." },
  ],
  shares: [{ target: "Home", tag: "berth-0", filesystem: "9p" }],
  hardware: "abc",
};

describe("a record", () => {
  test("is read back as it was, by its user only, and with nothing beside it", async () => {
    await writeRunRecord(directory, record);
    expect(await readRunRecord(directory)).toEqual(record);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(["run.json"]);
  });

  test("takes the place of an earlier one", async () => {
    await writeRunRecord(directory, record);
    await writeRunRecord(directory, { ...record, sshPort: 50_000 });
    expect(await readRunRecord(directory)).toMatchObject({ sshPort: 50_000 });
    expect(await readdir(directory)).toEqual(["run.json"]);
  });

  test("of an earlier engine, without a digest of the hardware, is taken; what a later one adds is not kept", async () => {
    const { hardware: _hardware, ...earlier } = record;
    await writeFile(file(), JSON.stringify({ ...earlier, added: 1 }));
    expect(await readRunRecord(directory)).toEqual(earlier);
  });

  test("is gone when removed, however often; none was there before", async () => {
    expect(await readRunRecord(directory)).toBeUndefined();
    await writeRunRecord(directory, record);
    await removeRunRecord(directory);
    await removeRunRecord(directory);
    expect(await readRunRecord(directory)).toBeUndefined();
    await removeRunRecord(path.join(directory, "none"));
  });

  test("in a directory that is gone is none, and cannot be written", async () => {
    const gone = path.join(directory, "gone");
    expect(await readRunRecord(gone)).toBeUndefined();
    await expect(writeRunRecord(gone, record)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("that cannot be looked at is an error: something may run", async () => {
    await mkdir(file());
    await expect(readRunRecord(directory)).rejects.toMatchObject({ code: "EISDIR" });
  });

  test("that was cut short anywhere is none", async () => {
    const text = JSON.stringify(record);
    for (let length = 0; length < text.length; length += 1) {
      await writeFile(file(), text.slice(0, length));
      expect(await readRunRecord(directory)).toBeUndefined();
    }
  });

  test("that lacks any one field is none", async () => {
    for (const name of Object.keys(record).filter((key) => key !== "hardware" && key !== "shares")) {
      await writeFile(file(), JSON.stringify({ ...record, [name]: undefined }));
      expect(await readRunRecord(directory), name).toBeUndefined();
    }
  });

  test.each([
    ["nothing", ""],
    ["zeros, as after a power cut", "\0".repeat(400)],
    ["null", "null"],
    ["a list", "[]"],
    ["of a later schema", { ...record, schema: 2 }],
    ["without a start time", { ...record, process: { pid: 4711, bootId: "b" } }],
    ["with a pid in words", { ...record, process: { ...record.process, pid: "4711" } }],
    ["with half a pid", { ...record, process: { ...record.process, pid: 4711.5 } }],
    ["with an unknown accelerator", { ...record, accelerator: "xen" }],
    ["with a date that is none", { ...record, startedAt: "yesterday" }],
    ["with problems that are none", { ...record, problems: ["bad"] }],
  ])("that is %s is none", async (_what, content) => {
    await writeFile(file(), typeof content === "string" ? content : JSON.stringify(content));
    expect(await readRunRecord(directory)).toBeUndefined();
  });

  test("whatever bytes are in it, reading never fails", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json()), async (bytes) => {
        await writeFile(file(), bytes);
        expect(await readRunRecord(directory)).toBeUndefined();
      }),
      { numRuns: 100 },
    );
  });

  test("keeps any texts as they are", async () => {
    const text = fc.string({ unit: "grapheme", maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(text, text, async (monitor, message) => {
        const problems = [{ code: "x", severity: "info" as const, message }];
        await writeRunRecord(directory, { ...record, monitor, problems });
        expect(await readRunRecord(directory)).toEqual({ ...record, monitor, problems });
      }),
      { numRuns: 20 },
    );
    expect(await readdir(directory)).toEqual(["run.json"]);
  });
});

describe("the process in a record", () => {
  test("is found again after it was written down; another start, boot or pid is another process", async () => {
    const child = startChild(["sleep", "60"]);
    try {
      const process = await identify(child.pid);
      if (!process) throw new Error("the child does not run");
      await writeRunRecord(directory, { ...record, process });
      const read = (await readRunRecord(directory))?.process;
      expect(sameProcess(await identify(child.pid), read)).toBe(true);
      for (const other of [{ pid: 1 }, { startTime: "1" }, { bootId: "another boot" }])
        expect(sameProcess(await identify(child.pid), { ...process, ...other })).toBe(false);
    } finally {
      child.kill("SIGKILL");
      await child.exited;
    }
    expect(await identify(child.pid)).toBeUndefined();
  });

  test("that does not run is the same as nothing", () => {
    expect(sameProcess(undefined, record.process)).toBe(false);
    expect(sameProcess(undefined, undefined)).toBe(false);
  });

  test.each([0, -1, 2 ** 22 + 1])("pid %i is nobody's on Linux", async (pid) => {
    if (process.platform === "linux") expect(await identify(pid)).toBeUndefined();
  });
});

describe("the end", () => {
  const shutdown = (reason: unknown) => ({ name: "SHUTDOWN", data: { guest: true, reason } });

  test.each([
    ["guest-shutdown", { how: "guest-shutdown" }],
    ["host-qmp-system-powerdown", { how: "guest-shutdown" }],
    ["guest-panic", { how: "crashed", detail: "the guest's kernel panicked" }],
    ["host-signal", { how: "crashed", detail: "its QEMU was ended from outside" }],
    ["host-error", { how: "crashed", detail: "words" }],
    [undefined, { how: "crashed", detail: "words" }],
    [7, { how: "crashed", detail: "words" }],
  ])("by %s", (reason, exit) => {
    expect(exitOf(false, shutdown(reason), "words")).toEqual(exit);
    expect(exitOf(true, shutdown(reason), "words")).toEqual({ how: "stopped" });
  });

  test("without an event or a word is a crash that says so", () => {
    expect(exitOf(false, undefined, "")).toEqual({
      how: "crashed",
      detail: "its QEMU ended without a word; it may have been killed",
    });
    expect(exitOf(false, undefined, "out of memory")).toEqual({ how: "crashed", detail: "out of memory" });
    expect(exitOf(true, undefined, "")).toEqual({ how: "stopped" });
  });

  test.each([
    ["qemu-system-x86_64: first\nqemu-system-x86_64: cannot allocate memory\n", "cannot allocate memory"],
    ["/usr/bin/qemu-system-aarch64: -accel kvm: no\r\n\n", "-accel kvm: no"],
    ["Assertion failed: x: y", "Assertion failed: x: y"],
    ["\n \n", ""],
    ["", ""],
  ])("the last words of %j", async (text, words) => {
    await writeFile(path.join(directory, DRIVER_LOG), text);
    expect(await lastWords(directory)).toBe(words);
  });

  test("last words are never endless, and none without a log", async () => {
    expect(await lastWords(directory)).toBe("");
    await writeFile(path.join(directory, DRIVER_LOG), "x".repeat(100_000));
    expect((await lastWords(directory)).length).toBe(1000);
    expect((await readFile(path.join(directory, DRIVER_LOG))).length).toBe(100_000);
  });
});
