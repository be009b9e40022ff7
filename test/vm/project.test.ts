/** A berth.yaml of two real guests: up, changed, from a snapshot, down. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Berth } from "../support/berth.ts";
import { FIRST_BOOT_DATA, type VmWorld, vmWorld } from "../support/vm-world.ts";

let world: VmWorld;
let berth: Berth;
let file: string;

beforeAll(async () => {
  world = await vmWorld();
  berth = world.berth;
  file = path.join(berth.home, "berth.yaml");
});
afterAll(async () => {
  await world?.dispose();
});

const inside = async (name: string, ...argv: string[]) =>
  (await berth.ok(["exec", name, "--", ...argv])).trim();
const long = { timeoutMs: 900_000 };

function project(more: { snapshot?: string; step?: string } = {}): string {
  return JSON.stringify({
    instances: {
      db: {
        image: "noble",
        memory: "512M",
        "user-data": FIRST_BOOT_DATA,
        provision: ["date +%s%N > ready-at", "echo once >> steps", ...(more.step ? [more.step] : [])],
      },
      web: {
        image: "noble",
        memory: "512M",
        "user-data": FIRST_BOOT_DATA,
        "depends-on": ["db"],
        ports: ["8000"],
        ...(more.snapshot ? { snapshot: more.snapshot } : {}),
        provision: [
          "mkdir -p site && echo served > site/index.html",
          {
            run: "sudo systemd-run --quiet --unit=site python3 -m http.server -d $HOME/site 8000",
            always: true,
          },
        ],
      },
    },
  });
}

async function served(): Promise<string> {
  const ports = (await berth.json(["port", "list"])) as { ports: { hostPort: number; guestPort: number }[] };
  const port = ports.ports.find((one) => one.guestPort === 8000)?.hostPort;
  const answer = await inside(
    "web",
    "sh",
    "-c",
    "for i in $(seq 100); do ss -ltn | grep -q :8000 && exit; sleep 1; done; exit 1",
  ).then(() => fetch(`http://127.0.0.1:${port}/`));
  return (await answer.text()).trim();
}

test("two guests come up one after the other, provisioned once, and begin from a snapshot", async () => {
  await writeFile(file, project());
  const up = await berth.ok(["up", "--file", file], long);
  expect(up).toBe("Up: db\nUp: web\n");
  expect(await served()).toBe("served");
  const status = (await berth.json(["status", "--file", file])) as { instances: object[] };
  expect(status.instances).toEqual([
    { name: "db", state: "Running", differs: [] },
    { name: "web", state: "Running", differs: [] },
  ]);

  await writeFile(file, project({ step: "echo changed >> steps" }));
  await berth.ok(["up", "--file", file, "db"], long);
  expect(await inside("db", "cat", "steps")).toBe("once\nchanged");

  await berth.ok(["stop", "web"], long);
  await berth.ok(["snapshot", "web", "--name", "clean"], long);
  await berth.ok(["start", "web"], long);
  await inside("web", "sh", "-c", "echo mess > site/index.html; sync");
  await berth.ok(["stop", "web"], long);
  await writeFile(file, project({ snapshot: "clean" }));
  await berth.ok(["up", "--file", file], long);
  expect(await served()).toBe("served");
  await berth.ok(["down", "--file", file], long);
  expect((await berth.ok(["list"])).match(/Stopped/g)).toHaveLength(2);
  await berth.ok(["down", "--file", file, "--delete"], long);
});
