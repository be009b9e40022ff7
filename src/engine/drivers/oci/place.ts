/** Which runtime an instance's container is at, written down when it is made: another one may be found first later. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { ContainerRuntime } from "../../../api/container.ts";
import { writeFileDurable } from "../../../base/durable.ts";
import { writeLoginFiles } from "../../guest/keys.ts";
import type { DriverInstance } from "../driver.ts";
import type { Endpoint } from "./endpoints.ts";

const PlaceRecord = z.object({
  schema: z.literal(1),
  /** Whose it is: a copied directory must not lead to the original's container. */
  instance: z.string(),
  runtime: ContainerRuntime,
  name: z.string(),
  address: z.union([
    z.object({ socketPath: z.string() }),
    z.object({ host: z.string(), port: z.int() }),
    z.object({ instance: z.string() }),
  ]),
});

const fileOf = ({ directory }: DriverInstance) => path.join(directory, "container.json");

/** Where it is; and of a machine, what OpenSSH needs to enter it. */
export async function writePlace(
  instance: DriverInstance,
  { runtime, name, address }: Endpoint,
): Promise<void> {
  const { directory, login } = instance;
  const record: z.infer<typeof PlaceRecord> = { schema: 1, instance: instance.id, runtime, name, address };
  await writeFileDurable(fileOf(instance), JSON.stringify(record));
  if (login.client.privateKey !== "") await writeLoginFiles(directory, login, [login.host.publicKey.trim()]);
}

/** Undefined where none is written down, or nothing that can be read. */
export async function readPlace(instance: DriverInstance): Promise<Endpoint | undefined> {
  try {
    const record = PlaceRecord.parse(JSON.parse(await readFile(fileOf(instance), "utf8")));
    if (record.instance !== instance.id) return undefined;
    return { runtime: record.runtime, name: record.name, address: record.address };
  } catch {
    return undefined;
  }
}
