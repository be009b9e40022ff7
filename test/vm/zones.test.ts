/**
 * A real guest on a bridge of the host, reached from the host's end of it; and its zone disabled and enabled. The whole
 * world is in namespaces of its own.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { BRIDGE, BRIDGE_NETWORK, BridgeWorld } from "../support/bridge.ts";
import { testImage } from "../support/guest-image.ts";
import { bundleProduct } from "../support/product-bundle.ts";

/** Such a guest writes nothing to its disk by itself, so that what a power cut takes is not left to chance. */
const LAZY_WRITER =
  "#cloud-config\nbootcmd: [sysctl -q -w vm.dirty_writeback_centisecs=0 vm.dirty_expire_centisecs=360000]\n";

type Details = { ipv4: string[]; state: string; zone?: { available: boolean } };

let world: BridgeWorld;
let berth: Berth;
let bundle: Awaited<ReturnType<typeof bundleProduct>>;
let image: string;

beforeAll(async () => {
  const { path: file } = await testImage();
  image = `file://${file}`;
  bundle = await bundleProduct();
  world = await BridgeWorld.make();
  berth = await Berth.make({}, await world.inside(bundle.cli));
});
afterAll(async () => {
  await berth?.dispose();
  await world?.dispose();
  await bundle?.dispose();
});

async function addresses(): Promise<string[]> {
  const multipass = berth.as({ BERTH_COMMAND_NAME: "multipass" });
  const { info } = (await multipass.json(["info", "web"])) as { info: Record<string, Details> };
  return (info["web"]?.ipv4 ?? []).filter((one) => one.startsWith(`${BRIDGE_NETWORK}.`));
}

/** What the guest's SSH server says first, asked from the host's end of the bridge. */
const banner = (address: string) =>
  world.run([
    process.execPath,
    "-e",
    `require("node:net").connect(22, "${address}").once("data", (text) => { console.log(String(text)); process.exit(); })`,
  ]);

test("what has to be done first is said, and done, a guest is on the bridge", async () => {
  expect(await berth.ok(["networks", "--format", "csv"])).toContain(`${BRIDGE},bridge,`);
  const launch = ["launch", image, "--name", "web", "--zone", "zone2", "--cloud-init", "-"];
  const input = { input: LAZY_WRITER };
  const mac = "52:54:00:4b:ab:cd";
  const spec = `name=${BRIDGE},mac=${mac}`;
  const refused = await berth.run([...launch, "--network", spec], input);
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain(`/etc/qemu/bridge.conf does not allow ${BRIDGE}`);
  expect(refused.stderr).toContain(`echo 'allow ${BRIDGE}' | sudo tee -a /etc/qemu/bridge.conf`);

  await world.allow(`allow ${BRIDGE}\n`);
  await berth.ok([...launch, "--network", spec], input);
  const [address, ...others] = await addresses();
  expect(others).toEqual([]);
  expect(await banner(address ?? "")).toMatch(/^SSH-2\.0-/);
  expect(await world.run(["ip", "neigh", "show", "to", address ?? ""])).toContain(mac);
  // The way out stays the guest's first choice.
  const routes = await berth.ok(["exec", "web", "--", "ip", "-4", "route", "show", "default"]);
  expect(routes.split("\n")[0]).not.toContain(`${BRIDGE_NETWORK}.`);
});

test("a disabled zone takes its power; enabled, it is back on the bridge", async () => {
  // Right after its launch: a guest that is ready has on its disk what it needs to boot.
  await berth.ok(["disable-zones", "--force", "zone2"]);
  expect(await berth.ok(["list", "--format", "csv"])).toMatch(/^web,Unavailable,.*,zone2,false$/m);
  expect(await berth.run(["exec", "web", "--", "true"])).toMatchObject({
    stderr: expect.stringContaining("its zone, zone2, is disabled"),
  });
  expect(await berth.qemuPids()).toEqual([]);
  await berth.ok(["enable-zones", "zone2"]);
  expect(await banner((await addresses())[0] ?? "")).toMatch(/^SSH-2\.0-/);
});

test("a stopped one is given another NIC; one whose bridge is gone stays stopped", async () => {
  await berth.ok(["set", `local.bridged-network=${BRIDGE}`]);
  expect(await berth.run(["network", "attach", "web", "bridged"])).toMatchObject({
    stderr: expect.stringContaining("cannot connect web: it is running"),
  });
  await berth.ok(["stop", "--force", "web"]);
  await berth.ok(["network", "attach", "web", "bridged"]);
  await berth.ok(["start", "web"]);
  expect(await addresses()).toHaveLength(2);
  await berth.ok(["stop", "--force", "web"]);
  await world.run(["ip", "link", "delete", BRIDGE]);
  expect(await berth.run(["start", "web"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`cannot start web: this host has no network ${BRIDGE} any more`),
  });
  expect(await berth.ok(["list", "--format", "csv"])).toMatch(/^web,Stopped,/m);
});
