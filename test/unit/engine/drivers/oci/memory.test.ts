import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { infoOf } from "../../../../../src/engine/drivers/oci/driver-info.ts";
import type { Endpoint } from "../../../../../src/engine/drivers/oci/endpoints.ts";
import { isOfThisHost } from "../../../../../src/engine/drivers/oci/host.ts";
import { criuReason } from "../../../../../src/engine/drivers/oci/memory.ts";

const ctx = { signal: new AbortController().signal };
const podman: Endpoint = { runtime: "podman", name: "podman", address: { socketPath: "/run/podman.sock" } };
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-criu-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function criu(script: string): Promise<string> {
  const file = path.join(directory, "criu");
  await writeFile(file, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
  return file;
}

test("CRIU is asked whether it can; where it cannot, its first words tell why", async () => {
  expect(await criuReason(ctx, Promise.resolve(undefined))).toBe("CRIU is not installed");
  expect(await criuReason(ctx, criu('[ "$1" = check ] && echo "Looks good."'))).toBeUndefined();
  const words = [
    "Error (criu/vdso.c:381): vdso: Unexpected rt vDSO area bounds",
    "Error (criu/kerndat.c:1615): kerndat_vdso_fill_symtable failed",
  ];
  expect(await criuReason(ctx, criu(`echo '${words.join("\n")}' >&2; exit 1`))).toBe(
    "`criu check` fails: vdso: Unexpected rt vDSO area bounds",
  );
  expect(await criuReason(ctx, criu("exit 1"))).toBe("`criu check` fails: it gives no reason");
});

test("each runtime tells why it keeps no memory", () => {
  const found = { endpoint: podman, version: "4.3.1", os: "linux", arch: "amd64" };
  const { problems } = infoOf({ found: [found], refused: [], unusable: [] }, ["CRIU is not installed"]);
  expect(problems).toEqual([
    {
      ...{ code: "no-checkpoints", severity: "info" },
      message: expect.stringMatching(/^containers of Podman are not suspended.*: CRIU is not installed$/),
    },
  ]);
});

test.each([
  [podman, "linux", true],
  [podman, "darwin", false],
  [{ ...podman, name: "docker-desktop" }, "linux", false],
  [{ ...podman, address: { host: "far", port: 2375 } }, "linux", false],
] as const)("%j on %s: of this host's own kernel %s", (endpoint, platform, expected) => {
  expect(isOfThisHost(endpoint, platform)).toBe(expected);
});
