/** The tiny guest that accelerators are tried with: its shape, and that a real QEMU runs it to its end. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { RunError, run, which } from "../../../../src/base/run.ts";
import { cpuModel } from "../../../../src/engine/drivers/qemu/argv.ts";
import {
  EXPECTED_EXIT,
  EXPECTED_WORD,
  probeBios,
} from "../../../../src/engine/drivers/qemu/probe-payload.ts";

const RESET_OFFSET = 0xfff0;

test("is a BIOS of 64 KiB: 213 bytes of code at its start, a far jump to them at the reset vector", () => {
  const bios = probeBios();
  expect(bios.length).toBe(0x10000);
  expect(bios[0]).toBe(0xfa); // cli
  expect(bios.subarray(213, RESET_OFFSET).every((byte) => byte === 0)).toBe(true);
  expect(bios[212]).not.toBe(0);
  expect(bios.subarray(RESET_OFFSET, RESET_OFFSET + 5).toString("hex")).toBe("ea000000f0"); // jmp f000:0000
  expect(bios.subarray(RESET_OFFSET + 5).every((byte) => byte === 0)).toBe(true);
});

test("is made anew each time: nobody's changes reach the next", () => {
  probeBios().fill(0xff);
  expect(probeBios()[0]).toBe(0xfa);
});

test("ends with a status that QEMU itself never has", () => {
  expect(EXPECTED_EXIT % 2).toBe(1); // isa-debug-exit gives twice the value, and one.
  expect(EXPECTED_EXIT).toBeGreaterThan(1);
  expect(EXPECTED_WORD).toBe("RPLK");
});

const program = await which("qemu-system-x86_64");
test.runIf(program)("is run to its end, emulated, within its two seconds many times over", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "berth-payload-"));
  try {
    const [bios, word] = [path.join(directory, "bios.bin"), path.join(directory, "word")];
    await writeFile(bios, probeBios());
    const argv = [
      ...[program ?? "", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-m", "16"],
      ...["-M", "q35", "-accel", "tcg", "-cpu", cpuModel("x86_64", "tcg"), "-bios", bios],
      ...["-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
      ...["-chardev", `file,id=word,path=${word}`, "-device", "isa-debugcon,iobase=0xe9,chardev=word"],
    ];
    const end = await run(argv, { signal: AbortSignal.timeout(20_000) }).catch((error: unknown) => error);
    expect(end).toBeInstanceOf(RunError);
    expect(end).toMatchObject({ exitCode: EXPECTED_EXIT, stderr: "" });
    expect(await readFile(word, "latin1")).toBe(EXPECTED_WORD);
  } finally {
    await rm(directory, { recursive: true });
  }
});
