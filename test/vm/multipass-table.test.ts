/**
 * Every command, option and format of Multipass, row by row through the name `multipass`, and every refusal; what was
 * refused has left the instance as it was. One guest is enough: rows follow on each other.
 */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "../../src/client/connect.ts";
import type { EngineClient } from "../../src/client/engine-client.ts";
import { Berth } from "../support/berth.ts";
import { type CatalogServer, startCatalogServer } from "../support/catalog-server.ts";
import { testImage } from "../support/guest-image.ts";
import { mismatch, type Row } from "../support/multipass/row.ts";
import { LAUNCH, ROWS_RUNNING } from "../support/multipass/rows-running.ts";
import { ROWS_STOPPED } from "../support/multipass/rows-stopped.ts";
import { ROWS_WITHOUT } from "../support/multipass/rows-without.ts";
import { bundleProduct } from "../support/product-bundle.ts";

let catalog: CatalogServer;
let bundle: Awaited<ReturnType<typeof bundleProduct>>;
let berth: Berth;
let multipass: Berth;
let own: string;
let client: EngineClient | undefined;

beforeAll(async () => {
  const image = await testImage();
  catalog = await startCatalogServer([{ file: image.path }]);
  bundle = await bundleProduct();
  berth = await Berth.make({ BERTH_SETTING_IMAGES_UBUNTU_URL: catalog.url }, bundle.cli);
  multipass = berth.as({ BERTH_COMMAND_NAME: "multipass" });
  own = path.join(berth.home, "own");
  for (const folder of ["shown/sub", "tree/sub"]) await mkdir(path.join(own, folder), { recursive: true });
  await writeFile(path.join(own, "file"), "of the host\n");
  await writeFile(path.join(own, "shown/hello"), "hello\n");
  await writeFile(path.join(own, "tree/sub/leaf"), "leaf\n");
});
afterAll(async () => {
  client?.dispose();
  await berth?.dispose();
  await catalog?.close();
  await bundle?.dispose();
});

/** What must be the same after a refusal: everything that is known without asking the guest. */
async function everything(): Promise<string> {
  client ??= await connect({ env: berth.env });
  const [instances, snapshots] = await Promise.all([
    client.api.instances.list({}),
    client.api.snapshots.list({}),
  ]);
  const lasting = instances.items.map(({ updatedAt: _, operation: __, ...rest }) => rest);
  return JSON.stringify([lasting, snapshots.items]);
}

async function run({ args, input, cwd }: Row) {
  const put = (text: string) => text.replace("$TMP", own);
  const how = { ...(input === undefined ? {} : { input }), ...(cwd === undefined ? {} : { cwd: put(cwd) }) };
  return multipass.run(args.map(put), { timeoutMs: 1_200_000, ...how });
}

/** All rows are run, so that one fault does not hide another; then those that did not end as they must are told. */
async function check(rows: readonly Row[]): Promise<void> {
  const wrong: string[] = [];
  let before: string | undefined;
  for (const row of rows) {
    const refused = (row.code ?? 0) !== 0 && row.code !== TIMED_OUT;
    if (refused) before ??= await everything();
    const found = mismatch(row, await run(row));
    if (found) wrong.push(found);
    const after = refused ? await everything() : undefined;
    if (after !== undefined && after !== before) wrong.push(`changed by: multipass ${row.args.join(" ")}`);
    before = after;
  }
  expect(wrong.join("\n\n")).toBe("");
}

/** Nobody waits any more, but what has begun goes on. */
const TIMED_OUT = 5;

test("rows without an instance", () => check(ROWS_WITHOUT), 900_000);
test("the launch", () => check(LAUNCH), 1_800_000);
test("rows with an instance that runs", () => check(ROWS_RUNNING), 1_800_000);
test("rows with an instance that is stopped, started and purged", () => check(ROWS_STOPPED), 3_600_000);
