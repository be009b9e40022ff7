/** The files of a real guest, over its own SSH server's SFTP. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "../../src/client/connect.ts";
import type { EngineClient } from "../../src/client/engine-client.ts";
import { GuestFiles } from "../../src/client/files/guest-files.ts";
import { Sftp } from "../../src/client/files/sftp.ts";
import { watchGuest } from "../../src/client/files/watch.ts";
import { Berth } from "../support/berth.ts";
import { type CatalogServer, startCatalogServer } from "../support/catalog-server.ts";
import { testImage } from "../support/guest-image.ts";

let catalog: CatalogServer;
let berth: Berth;
let client: EngineClient;

beforeAll(async () => {
  const image = await testImage();
  catalog = await startCatalogServer([{ file: image.path }]);
  berth = await Berth.make({ BERTH_SETTING_IMAGES_UBUNTU_URL: catalog.url });
  // The catalog is Ubuntu's, the image is Debian's: the user that Ubuntu's images have is asked for.
  const userData = "#cloud-config\nsystem_info: {default_user: {name: ubuntu}}\n";
  await berth.ok(["launch", "noble", "--name", "web", "--cloud-init", "-"], {
    input: userData,
    timeoutMs: 900_000,
  });
  client = await connect({ env: berth.env });
});
afterAll(async () => {
  client?.dispose();
  await berth?.dispose();
  await catalog?.close();
});

test("they are read, written, renamed and removed as the instance's user", async () => {
  const sftp = await Sftp.on(await client.sftp("web"));
  const files = new GuestFiles(sftp);
  const home = await files.home();
  expect(home).toBe("/home/ubuntu");
  const bytes = randomBytes(2 ** 20 + 1);
  await files.write(`${home}/blob`, bytes, { create: true, overwrite: false });
  expect(await berth.ok(["exec", "web", "--", "stat", "-c", "%U %s", "blob"])).toBe(
    `ubuntu ${bytes.length}\n`,
  );
  expect((await files.read(`${home}/blob`)).equals(bytes)).toBe(true);
  await files.makeDirectory(`${home}/dir`);
  await files.rename(`${home}/blob`, `${home}/dir/moved`, { overwrite: false });
  expect((await files.list(`${home}/dir`)).map(([name]) => name)).toEqual(["moved"]);
  await files.copyFrom(files, `${home}/dir`, `${home}/copy`, { overwrite: false });
  expect((await files.read(`${home}/copy/moved`)).equals(bytes)).toBe(true);
  await files.remove(`${home}/dir`, { recursive: true });
  await expect(files.stat(`${home}/dir`)).rejects.toMatchObject({ kind: "not-found" });
  for (const refused of [
    () => files.read("/etc/shadow"),
    () => files.write("/etc/hostname", Buffer.from("x"), { create: false, overwrite: true }),
    () => files.remove("/etc/hostname", { recursive: false }),
    () => files.makeDirectory("/etc/mine"),
    () => files.rename(`${home}/copy`, "/etc/copy", { overwrite: false }),
  ])
    await expect(refused()).rejects.toMatchObject({ kind: "no-permission" });
  expect((await files.list(`${home}/copy`)).map(([name]) => name)).toEqual(["moved"]);
  const end = { client, instance: "web", signal: new AbortController().signal };
  expect(await watchGuest(end, home, true, () => {})).toEqual({ noInotify: true, words: "" });

  await berth.ok(["rename", "web", "site"]);
  expect((await files.stat(home)).kind).toBe("directory");
  await berth.ok(["stop", "site"]);
  await sftp.ended;
  await expect(files.stat(home)).rejects.toMatchObject({ code: "guest-unreachable" });
  await expect(client.sftp("site")).rejects.toMatchObject({ code: "wrong-state" });
});
