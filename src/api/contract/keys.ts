/** The engine's key and those of encrypted instances. */
import * as z from "zod";
import { KeyStatus, NewPassphrase } from "../keys.ts";
import { Operation } from "../operation.ts";
import { ByName, procedure } from "./procedure.ts";

const Given = z.string().max(1024);

export const keys = {
  status: procedure("GET", "/v1/keys", "system.view", "*", "Whether instances can be encrypted").output(
    KeyStatus,
  ),
  init: procedure(
    "POST",
    "/v1/keys",
    "system.config",
    "/system",
    "Make the engine's key; refused where there is one",
  )
    .input(z.object({ passphrase: NewPassphrase.optional() }).default({}))
    .output(KeyStatus),
  unlock: procedure("POST", "/v1/keys/unlock", "system.config", "/system", "Open the engine's key")
    .input(z.object({ passphrase: Given.optional().describe("Needed where one protects it") }).default({}))
    .output(KeyStatus),
  lock: procedure(
    "POST",
    "/v1/keys/lock",
    "system.config",
    "/system",
    "Forget the engine's key until it is unlocked; instances that run go on",
  ).output(KeyStatus),
  change: procedure(
    "POST",
    "/v1/keys/change",
    "system.config",
    "/system",
    "Protect the engine's key otherwise",
  )
    .input(z.object({ passphrase: NewPassphrase.optional() }).default({}))
    .output(KeyStatus),
  export: procedure(
    "POST",
    "/v1/keys/export",
    "secret.reveal",
    "/system",
    "The engine's key as a text, to be kept where nobody else comes: it opens every instance",
  ).output(z.object({ key: z.string() })),
  import: procedure(
    "POST",
    "/v1/keys/import",
    "system.config",
    "/system",
    "Take an exported key where the engine's own is lost or cannot be opened any more",
  )
    .input(z.object({ key: z.string().max(1024), passphrase: NewPassphrase.optional() }))
    .output(KeyStatus),
  rotate: procedure(
    "POST",
    "/v1/keys/rotate",
    "system.config",
    "/system",
    "Make another key for the engine and seal every instance's by it; the old one is of no use any more",
  )
    .input(z.object({ passphrase: NewPassphrase.optional() }).default({}))
    .output(KeyStatus),
  rotateInstance: procedure(
    "POST",
    "/v1/instances/{name}/rotate-key",
    "instance.config",
    "/projects/*/instances/{name}",
    "Give a stopped instance another key; the old one opens its disks no more",
  )
    .input(ByName)
    .output(Operation),
};
