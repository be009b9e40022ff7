/** Disks of an instance beside its first one. */
import * as z from "zod";
import { DiskDetails, DiskSize, NewDisk } from "../disk.ts";
import { Operation } from "../operation.ts";
import { ByName, List, procedure } from "./procedure.ts";

const One = ByName.extend({
  disk: z.string().min(1).max(64).describe("Its name, or its id where a removed one has the same name"),
});

export const disks = {
  list: procedure(
    "GET",
    "/v1/instances/{name}/disks",
    "instance.view",
    "/projects/*/instances/{name}",
    "Its extra disks, those that were removed included",
  )
    .input(ByName)
    .output(List(DiskDetails)),
  add: procedure(
    "POST",
    "/v1/instances/{name}/disks",
    "instance.config",
    "/projects/*/instances/{name}",
    "Add a disk; a running guest gets it at once where its hardware allows",
  )
    .input(ByName.extend(NewDisk.omit({ name: true }).shape).extend({ disk: NewDisk.shape.name }))
    .output(Operation),
  resize: procedure(
    "POST",
    "/v1/instances/{name}/disks/{disk}/resize",
    "instance.config",
    "/projects/*/instances/{name}",
    "Enlarge a disk, also while the guest runs; what is on it is the guest's to enlarge",
  )
    .input(One.extend({ sizeBytes: DiskSize }))
    .output(Operation),
  remove: procedure(
    "POST",
    "/v1/instances/{name}/disks/{disk}/remove",
    "instance.config",
    "/projects/*/instances/{name}",
    "Take a disk out of the instance; its content is kept until it is purged",
  )
    .input(
      One.extend({
        force: z
          .boolean()
          .default(false)
          .describe("Also where the running guest uses it, or cannot be asked"),
      }),
    )
    .output(Operation),
  recover: procedure(
    "POST",
    "/v1/instances/{name}/disks/{disk}/recover",
    "instance.config",
    "/projects/*/instances/{name}",
    "Put a removed disk back",
  )
    .input(One)
    .output(Operation),
  purge: procedure(
    "DELETE",
    "/v1/instances/{name}/disks/{disk}",
    "instance.delete",
    "/projects/*/instances/{name}",
    "Delete a removed disk for good",
  )
    .input(One)
    .output(Operation),
};
