/** Containers in a VM of Berth's own by the shipped command: on a host without any runtime nothing else is needed. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { containerHostImage } from "../support/container-host-image.ts";
import { archiveOf, makeImage } from "../support/container-image.ts";
import { freePort } from "../support/free-port.ts";
import { bundleProduct } from "../support/product-bundle.ts";

const IMAGE = "localhost/berth-vm:1";
const HOST = "container-host";
const SERVE = "trap 'exit 0' TERM; mkdir -p /www; echo hello > /www/a; httpd -f -p 80 -h /www & wait $!";

let bundle: Awaited<ReturnType<typeof bundleProduct>>;
let berth: Berth;
let port: number;

beforeAll(async () => {
  const image = await containerHostImage();
  bundle = await bundleProduct();
  berth = await Berth.make(
    {
      BERTH_SETTING_CONTAINERS_VM_IMAGE: `file://${image.path}`,
      BERTH_SETTING_CONTAINERS_VM_MEMORY: "1G",
      BERTH_SETTING_CONTAINERS_VM_DISK: "6G",
    },
    bundle.cli,
  );
  port = await freePort();
});
afterAll(async () => {
  await berth?.dispose();
  await bundle?.dispose();
});

const states = async () => {
  const { list } = (await berth.json(["list"])) as { list: { name: string; state: string }[] };
  return Object.fromEntries(list.map(({ name, state }) => [name, state]));
};
const get = () => fetch(`http://127.0.0.1:${port}/a`).then((answer) => answer.text(), String);

test("an image that is loaded where containers run in a VM makes that, and says so", async () => {
  const file = path.join(berth.home, "image.tar");
  await writeFile(file, await archiveOf(await makeImage(), IMAGE));
  const { code, stderr } = await berth.run(["images", "load", "--runtime", "vm", file], {
    timeoutMs: 600_000,
  });
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining("Making a VM") });
  expect(await states()).toEqual({ [HOST]: "Running" });
  expect(await berth.ok(["images"])).toMatch(/localhost\/berth-vm:1 .* vm /);
});

test("a container in it is launched, entered and read as any other, its port on this host", async () => {
  const publish = ["--publish", `${port}:80`];
  await berth.ok(["launch", `vm:${IMAGE}`, "--name", "web", ...publish, "--", "sh", "-c", SERVE]);
  expect(await berth.ok(["info", "web"])).toMatch(/^Container: +application on vm$/m);
  expect(await berth.ok(["exec", "web", "--", "cat"], { input: "through" })).toBe("through");
  expect((await berth.run(["exec", "web", "--", "sh", "-c", "exit 7"])).code).toBe(7);
  await expect.poll(get, { timeout: 30_000 }).toBe("hello\n");
});

test("it is not deleted while it holds a container, and stops after it", async () => {
  const refused = await berth.run(["delete", HOST]);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("it holds the container web") });
  await berth.ok(["stop", HOST]);
  expect(await states()).toEqual({ [HOST]: "Stopped", web: "Stopped" });
  expect(await get()).toContain("fetch failed");
});
