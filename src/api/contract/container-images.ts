/** Images of containers: in the runtimes of this host, not in the engine's cache. They are built over a byte stream. */
import * as z from "zod";
import { ContainerRuntime } from "../container.ts";
import { StoredContainerImage } from "../container-image.ts";
import { Arch } from "../instance.ts";
import { Operation } from "../operation.ts";
import { List, procedure } from "./procedure.ts";

const Where = z.object({
  runtime: ContainerRuntime.optional().describe("When left out: the first that runs, or has the image"),
});
const Reference = z.string().min(1).max(512).describe("nginx:1.27, host/team/app@sha256:…, or an id");
const HostFile = z.string().min(1).max(4096).describe("A path of the engine's host; absolute");

export const containerImages = {
  list: procedure("GET", "/v1/container-images", "image.use", "*", "Images of containers on this host")
    .input(Where)
    .output(List(StoredContainerImage)),
  pull: procedure(
    "POST",
    "/v1/container-images/pull",
    "image.add",
    "/images",
    "Get an image from its registry",
  )
    .input(Where.extend({ reference: Reference, arch: Arch.optional() }))
    .output(Operation),
  push: procedure(
    "POST",
    "/v1/container-images/push",
    "system.config",
    "/system",
    "Send an image to its registry",
  )
    .input(Where.extend({ reference: Reference }))
    .output(Operation),
  load: procedure(
    "POST",
    "/v1/container-images/load",
    "system.config",
    "/system",
    "Take in the images of an archive",
  )
    .input(Where.extend({ file: HostFile }))
    .output(Operation),
  save: procedure(
    "POST",
    "/v1/container-images/save",
    "system.config",
    "/system",
    "Write an image to an archive",
  )
    .input(Where.extend({ reference: Reference, file: HostFile }))
    .output(Operation),
  remove: procedure(
    "POST",
    "/v1/container-images/remove",
    "image.add",
    "/images",
    "Remove an image that nothing uses",
  )
    .input(Where.extend({ reference: Reference }))
    .output(z.object({})),
  prune: procedure(
    "POST",
    "/v1/container-images/prune",
    "image.add",
    "/images",
    "Remove images that nothing uses",
  )
    .input(
      Where.extend({
        foreign: z.boolean().default(false).describe("Those that Berth has not brought as well"),
      }),
    )
    .output(z.object({ removed: z.array(z.string()), freedBytes: z.int() })),
};
