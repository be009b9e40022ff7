/**
 * What of an instance a backup keeps beside its disks: enough to make it again anywhere. No secrets: keys and user-data,
 * which often holds passwords, are made anew or stay behind. Read back it is another's word, and checked as such.
 */
import * as z from "zod";
import { DiskName } from "../../api/disk.ts";
import { EngineError } from "../../base/errors.ts";
import type { DriverInstance } from "../drivers/driver.ts";
import { FIRST_DISK } from "../drivers/points.ts";
import { loginUser } from "../guest/seed.ts";
import { Descriptor } from "../store/record.ts";
import { ContainerDefinition } from "./container-definition.ts";
import { VERSION } from "./definition-version.ts";
import { damaged } from "./repository/damage.ts";

/** Where it lies in a backup. */
export const DEFINITION = "/instance.json";
/** No definition is longer. */
export const MAX_DEFINITION_BYTES = 2 ** 20;

const { id, name, arch, cpus, memoryBytes, diskBytes, image } = Descriptor.shape;
const { guest, firmware, tpm, display, network, labels, createdAt } = Descriptor.shape;

const Definition = z.object({
  version: z.literal(VERSION),
  kind: z.literal("vm"),
  ...{ id, name, arch, cpus, memoryBytes, diskBytes, image },
  ...{ guest, firmware, tpm, display, network, labels, createdAt },
  encrypted: z.boolean().default(false),
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/i)
    .describe("The one to log in as"),
  keys: z.array(z.string().max(16_384)).max(100).describe("Public keys that its disk lets in"),
  disks: z
    .array(z.object({ id: z.uuid(), name: DiskName, sizeBytes: z.int().positive() }))
    .max(100)
    .describe("Beside its first one"),
});
export type Definition = z.infer<typeof Definition>;

/** Of a machine, or of a container. */
export type AnyDefinition = Definition | ContainerDefinition;
const AnyDefinition = z.discriminatedUnion("kind", [Definition, ContainerDefinition]);

export function definitionOf(descriptor: Descriptor, instance: DriverInstance): Definition {
  const { login, userData, formerKeys = [] } = instance;
  const own = login.client.publicKey.trim();
  const { disks, ...rest } = descriptor;
  const present = disks.filter(({ removedAt }) => removedAt === undefined);
  // What it has beside the fields of a definition is left out by the schema.
  return Definition.parse({
    ...rest,
    version: VERSION,
    user: loginUser(login, userData),
    keys: [...formerKeys, ...(own === "" ? [] : [own])],
    disks: present,
  });
}

export function formatDefinition(definition: AnyDefinition): Uint8Array {
  return Buffer.from(`${JSON.stringify(definition, null, 2)}\n`);
}

/** The file of a disk in a backup. */
export function diskPath(disk: string): string {
  return `/disks/${disk}.raw`;
}

export function disksOf({ disks }: Definition): string[] {
  return [FIRST_DISK, ...disks.map((disk) => disk.id)];
}

/** Of a machine. Throws `not-supported` for that of a container, which has no disks. `what` it is read from begins its refusals. */
export function parseDefinition(bytes: Uint8Array, what: string): Definition {
  const definition = parseAnyDefinition(bytes, what);
  if (definition.kind === "vm") return definition;
  const reason = "it is one of a container, and has no disks";
  throw new EngineError("not-supported", `cannot read the disks of ${what}: ${reason}`);
}

export function parseAnyDefinition(bytes: Uint8Array, what: string): AnyDefinition {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (cause) {
    throw damaged(what, `${DEFINITION} is no JSON`, cause);
  }
  const version = z.object({ version: z.int() }).safeParse(json);
  if (version.success && version.data.version > VERSION)
    throw new EngineError("not-supported", `cannot read ${what}: a newer Berth made it`, {
      hint: "Update Berth.",
    });
  const { data, error } = AnyDefinition.safeParse(json);
  if (!data) throw damaged(what, z.prettifyError(error).replaceAll("\n", " "));
  return data;
}

/**
 * What a guest that is made of a backup is told by cloud-init: no more than who logs in. What its user-data once said has
 * been done to its disk already.
 */
export function restoredUserData({ guest, user }: Pick<Definition, "guest" | "user">): {
  userData?: string;
} {
  if (guest !== "linux") return {};
  return { userData: `#cloud-config\nsystem_info: {default_user: {name: ${user}}}\n` };
}
