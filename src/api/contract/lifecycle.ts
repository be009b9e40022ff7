/** What happens to an instance between its launch and its end, beyond power. Part of `instances`. */
import * as z from "zod";
import { SizeChange, SnapshotFirst } from "../lifecycle.ts";
import { MoveMark, NewDiskInstance } from "../move.ts";
import { Operation } from "../operation.ts";
import { ByName, procedure } from "./procedure.ts";

export const lifecycle = {
  update: procedure(
    "PATCH",
    "/v1/instances/{name}",
    "instance.config",
    "/projects/*/instances/{name}",
    "Change sizes of a stopped instance, or policies of any",
  )
    .input(ByName.extend(SizeChange.shape).extend({ snapshot: SnapshotFirst }))
    .output(Operation),
  rename: procedure(
    "POST",
    "/v1/instances/{name}/rename",
    "instance.config",
    "/projects/*/instances/{name}",
    "Give it another name; the guest's hostname follows, at the latest at its next boot",
  )
    .input(ByName.extend({ to: z.string().min(1).max(255) }))
    .output(Operation),
  suspend: procedure(
    "POST",
    "/v1/instances/{name}/suspend",
    "instance.power",
    "/projects/*/instances/{name}",
    "Keep its memory and stop; the next start goes on where it was",
  )
    .input(ByName)
    .output(Operation),
  pause: procedure(
    "POST",
    "/v1/instances/{name}/pause",
    "instance.power",
    "/projects/*/instances/{name}",
    "Halt a container in memory; no effect where it is",
  )
    .input(ByName)
    .output(Operation),
  unpause: procedure(
    "POST",
    "/v1/instances/{name}/unpause",
    "instance.power",
    "/projects/*/instances/{name}",
    "Let a halted container go on; no effect where it does",
  )
    .input(ByName)
    .output(Operation),
  cancelStop: procedure(
    "POST",
    "/v1/instances/{name}/cancel-stop",
    "instance.power",
    "/projects/*/instances/{name}",
    "Call off a delayed stop; no effect where there is none",
  )
    .input(ByName)
    .output(Operation),
  importDisk: procedure(
    "POST",
    "/v1/instance-imports",
    "system.config",
    "/system",
    "Make a new instance of a disk of another program; it is stopped",
  )
    .input(NewDiskInstance)
    .output(Operation),
  markMove: procedure(
    "PUT",
    "/v1/instances/{name}/move",
    "instance.migrate",
    "/projects/*/instances/{name}",
    "Write down how far it is moved to another engine; it cannot be started until that is taken away",
  )
    .input(ByName.extend(MoveMark.shape))
    .output(Operation),
  unmarkMove: procedure(
    "DELETE",
    "/v1/instances/{name}/move",
    "instance.migrate",
    "/projects/*/instances/{name}",
    "It is moved no longer, and can be started",
  )
    .input(ByName)
    .output(Operation),
  release: procedure(
    "POST",
    "/v1/instances/{name}/release",
    "system.config",
    "/system",
    "Forget a container and leave it as it is; it is a foreign one then",
  )
    .input(ByName)
    .output(Operation),
  clone: procedure(
    "POST",
    "/v1/instances/{name}/clone",
    "instance.clone",
    "/projects/*/instances/{name}",
    "Make a new instance from what a stopped one's disk holds, without its snapshots",
  )
    .input(
      ByName.extend({
        as: z.string().min(1).max(255).optional(),
        encrypted: z.boolean().default(false).describe("Encrypt it although its source is not"),
      }),
    )
    .output(Operation),
};
