/** What doctor makes of facts. */
import { expect, test } from "vitest";
import { formatFindings, hostFindings, instancesFinding } from "../../../src/cli/doctor.ts";
import { sshConfig } from "../../../src/client/ssh-config.ts";

const info = {
  ...{ id: "3f0f6c9e-0000-4000-8000-000000000001", version: "1.0.0", protocol: 1, pid: 42, draining: false },
  ...{ startedAt: "2026-11-23T00:00:00.000Z", dataDirectory: "/d", logFile: "/d/log", problems: [] },
  host: { cpus: 2, memoryBytes: 2 ** 34, freeDiskBytes: 2 ** 40, arch: "x86_64" as const },
};
const qemu = {
  name: "qemu",
  kind: "vm" as const,
  available: true,
  version: "7.2.0",
  arches: [],
  features: [],
};

test("a host with everything is well", () => {
  const findings = hostFindings({ ...info, drivers: [{ ...qemu, accelerator: "kvm", problems: [] }] });
  expect(findings.every((one) => one.verdict === "ok")).toBe(true);
  expect(formatFindings(findings)).toContain("✓ Accelerator:  kvm\n");
});

test("what is amiss is named, with the next thing to do", () => {
  const missing = {
    code: "qemu-missing",
    severity: "error" as const,
    message: "qemu is not installed",
    hint: "apt install it",
  };
  const findings = hostFindings({
    ...info,
    host: { ...info.host, freeDiskBytes: 2 ** 30 },
    drivers: [{ ...qemu, available: false, problems: [missing] }],
  });
  const text = formatFindings(findings);
  expect(text).toContain("✗ qemu:         qemu is not installed\n                apt install it\n");
  expect(text).toMatch(/! Disk: +1 ?GiB free\n +Remove unused images/);
});

test("an instance with an error is an error", () => {
  const problem = { code: "x", severity: "error" as const, message: "its disk is gone" };
  expect(instancesFinding([{ name: "web", state: "failed", problems: [problem] }])).toMatchObject({
    verdict: "error",
    text: "web: its disk is gone",
  });
});

test("OpenSSH's configuration pins the host key and quotes what needs it", () => {
  const ssh = {
    host: "127.0.0.1",
    port: 40123,
    user: "ubuntu",
    keyFile: "/a b/key",
    knownHostsFile: "/100%/known",
  };
  expect(sshConfig([{ name: "web", ssh }, { name: "db" }])).toBe(`Host web
  HostName 127.0.0.1
  Port 40123
  User ubuntu
  IdentityFile "/a b/key"
  IdentitiesOnly yes
  UserKnownHostsFile /100%%/known
  StrictHostKeyChecking yes
  ForwardAgent no
`);
});

test("a host without a runtime for containers is well, too", () => {
  const missing = {
    code: "no-runtime",
    severity: "info" as const,
    message: "neither Docker nor Podman runs",
  };
  const oci = { ...qemu, name: "oci", kind: "container" as const, available: false, problems: [missing] };
  const findings = hostFindings({ ...info, drivers: [{ ...qemu, accelerator: "kvm", problems: [] }, oci] });
  expect(findings.every((one) => one.verdict === "ok")).toBe(true);
  expect(formatFindings(findings)).toContain("✓ oci:          neither Docker nor Podman runs\n");
});
