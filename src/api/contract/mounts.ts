/** Directories of this host inside guests. They are listed with their instance, and are there whenever it runs. */
import * as z from "zod";
import { NewMount } from "../mount.ts";
import { Operation } from "../operation.ts";
import { ByName, procedure } from "./procedure.ts";

export const mounts = {
  add: procedure(
    "POST",
    "/v1/instances/{name}/mounts",
    "instance.config",
    "/projects/*/instances/{name}",
    "Show a directory of this host in the guest, now and whenever it runs",
  )
    .input(ByName.extend(NewMount.shape))
    .output(Operation),
  remove: procedure(
    "POST",
    "/v1/instances/{name}/unmount",
    "instance.config",
    "/projects/*/instances/{name}",
    "Take a mounted directory away; all of them where no target is given",
  )
    .input(ByName.extend({ target: z.string().min(1).max(4096).optional() }))
    .output(Operation),
};
