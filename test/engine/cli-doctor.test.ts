/** doctor and support over a real engine with fake guests: what is found, and what must never be written down. */
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Finding } from "../../src/api/finding.ts";
import { startChild } from "../../src/base/run.ts";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";

const CANARY = "c4n4ry";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;

beforeAll(async () => {
  bundle = await bundleCli();
  const env = {
    SOME_TOKEN: `${CANARY}-env`,
    BERTH_SETTING_IMAGES_UBUNTU_URL: `http://ada:${CANARY}-url@127.0.0.1:9/`,
  };
  berth = await Berth.make(env, bundle.cli);
}, 60_000);
afterAll(async () => {
  await berth?.dispose();
  await bundle?.dispose();
});

async function findings(): Promise<{ code: number | null; all: Finding[] }> {
  const { code, stdout, stderr } = await berth.run(["doctor", "--format", "json"]);
  expect(stderr).toBe("");
  return { code, all: (JSON.parse(stdout) as { findings: Finding[] }).findings };
}

test("doctor looks at everything, and every warning says what to do", async () => {
  const { all } = await findings();
  const looked = new Set(all.map(({ what }) => what));
  for (const what of [
    "Engine",
    "fake",
    "Accelerator",
    "Disk",
    "Names",
    "Images",
    "Network",
    "Clock",
    "Rights",
  ])
    expect(looked).toContain(what);
  for (const what of ["OpenSSH", "Processes", "Log", "Instances"]) expect(looked).toContain(what);
  for (const { what, verdict, hint } of all)
    if (what !== "Accelerator") expect(verdict === "ok" || hint !== undefined, what).toBe(true);
});

test("doctor finds rights that let others in, a process left over and errors in the log", async () => {
  await berth.ok(["launch", "--name", "web"]);
  const [{ id } = { id: "" }] = (
    (await berth.json(["list"])) as { list: { berth: { id: string } }[] }
  ).list.map((one) => one.berth);
  await berth.ok(["stop", "web"]);
  const data = path.join(berth.home, "data");
  const disk = path.join(data, "instances", id, "disk.fake");
  const qemu = startChild([
    process.execPath,
    "-e",
    "process.stdin.resume()",
    "--",
    ...["-uuid", id, "-blockdev", `{"filename":"${disk}"}`],
  ]);
  const record = { at: new Date().toISOString(), level: "error", message: "the disk is on fire" };
  await writeFile(path.join(data, "engine.log"), `${JSON.stringify(record)}\n`, { flag: "a" });
  await chmod(data, 0o755);
  try {
    const { code, all } = await findings();
    expect(code).toBe(2);
    const text = (what: string) => all.find((one) => one.what === what && one.verdict !== "ok")?.text;
    expect(text("Rights")).toBe(`${data}: others may use it (mode 755)`);
    expect(text("Log")).toContain("the disk is on fire");
    if (process.platform === "linux") expect(text("Processes")).toMatch(/process \d+$/);
  } finally {
    await chmod(data, 0o700);
    qemu.kill("SIGKILL");
  }
});

test("support writes no secret: user-data, keys, passphrase, environment, credentials in addresses", async () => {
  const userData = `#cloud-config\npassword: ${CANARY}-user-data\n`;
  await berth.ok(["launch", "--name", "secretive", "--cloud-init", "-"], { input: userData });
  await berth.run(["launch", `https://bob:${CANARY}-image@127.0.0.1:9/a.qcow2?sig=${CANARY}-query`]);
  await berth.run(["find"]);
  await berth.ok(["set", `local.passphrase=${CANARY}-passphrase`]);
  await berth.run(["authenticate", `${CANARY}-wrong`]);
  await berth.run(["exec", "secretive", "--", "sh", "-c", `true ${CANARY}-command`]);
  const file = path.join(berth.home, "support.txt");
  await berth.ok(["support", file]);
  const text = await readFile(file, "utf8");
  expect(text).toContain("secretive");
  expect(text).toContain("== Engine's log\n");
  expect(text).toContain("operation begins");
  expect(text.match(new RegExp(`${CANARY}-[a-z-]+`, "g")) ?? []).toEqual([]);
  expect(text).not.toContain("PRIVATE KEY");
  expect((await stat(file)).mode & 0o077).toBe(0);
  expect(await berth.run(["support", file])).toMatchObject({ code: 2 });
});
