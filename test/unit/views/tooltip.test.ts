import fc from "fast-check";
import { expect, test } from "vitest";
import { escapeMarkdown, tooltipMarkdown } from "../../../src/views/tooltip.ts";
import { instance, operation } from "./fixtures.ts";

const now = new Date("2026-11-23T11:02:00.000Z");

test("a running instance tells its facts", () => {
  const text = tooltipMarkdown({ instance: instance(), now });
  expect(text).toContain("**primary** — running");
  expect(text).toContain("| Size\u2003 | 2 CPUs, 1 GiB memory, 5 GiB disk |");
  expect(text).toContain("| Address\u2003 | `10.77.0.5` |");
  expect(text).toContain("| SSH\u2003 | `ubuntu@127.0.0.1:40022` |");
  expect(text).toContain("QEMU with KVM, x86_64");
  expect(text).toContain("| Up\u2003 | 1h 2m |");
});

test("what an instance has beside the usual is told, as text", () => {
  const port = { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 80 } as const;
  const text = tooltipMarkdown({
    instance: instance({
      ...{ ports: [port], labels: { env: "a|b", web: "" }, autostart: "on", snapshotCount: 2 },
      encrypted: true,
      zone: { name: "zone2", available: false },
    }),
    now,
  });
  expect(text).toContain("| Zone\u2003 | zone2, disabled |");
  expect(text).toContain("| Encrypted\u2003 | disks and suspended memory |");
  expect(tooltipMarkdown({ instance: instance(), now })).not.toContain("Encrypted");
  expect(text).toContain("| Labels\u2003 | env=a\\|b,web |");
  expect(text).toContain("| Ports\u2003 | 8080 → 80 |");
  expect(text).toContain("| Starts\u2003 | after a boot of this host |");
  expect(text).toContain("| Snapshots\u2003 | 2 |");
});

test("emulation, problems and progress are told by name", () => {
  const problems = [
    {
      code: "accelerator-unusable",
      severity: "warning" as const,
      message: "KVM does not work",
      hint: "See the log.",
    },
  ];
  const slow = tooltipMarkdown({ instance: instance({ accelerator: "tcg", problems }), now });
  expect(slow).toContain("QEMU, emulated, x86_64");
  expect(slow).toContain("$(warning) KVM does not work");
  const busy = operation({ progress: { phase: "download", done: 1, total: 2 ** 20 } });
  expect(tooltipMarkdown({ instance: instance({ state: "creating" }), operation: busy, now })).toContain(
    "— Downloading 0 % of 1 MiB",
  );
});

test("what the guest says is added", () => {
  const details = {
    addresses: [],
    release: "Ubuntu 24.04.3 LTS",
    load: [0.5, 0.25, 0] as [number, number, number],
    memory: { usedBytes: 2 ** 28, totalBytes: 2 ** 30 },
  };
  const text = tooltipMarkdown({ instance: instance(), details, now });
  expect(text).toContain("Ubuntu 24.04.3 LTS");
  expect(text).toContain("| Load\u2003 | 0.50  0.25  0.00 |");
  expect(text).toContain("| Memory used\u2003 | 256 MiB of 1 GiB |");
});

test("text from outside stays text", () => {
  expect(escapeMarkdown("[a](command:x) $(bug) | <b>")).toBe(
    "\\[a\\]\\(command:x\\) \\$\\(bug\\) \\| \\<b\\>",
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(escapeMarkdown(text)).not.toMatch(/(?<!\\)[[\]()<>|`*_$]|\n/);
    }),
  );
});
