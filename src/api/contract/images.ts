/** Images: what can be launched, what is here. */
import * as z from "zod";
import { CachedImage, ImageEntry } from "../image.ts";
import { Arch, Problem } from "../instance.ts";
import { Operation } from "../operation.ts";
import { List, procedure } from "./procedure.ts";

export const images = {
  find: procedure("GET", "/v1/images", "image.use", "*", "Images that can be launched")
    .input(
      z.object({
        query: z.string().default(""),
        unsupported: z.union([z.boolean(), z.stringbool()]).default(false),
        arch: Arch.optional(),
        refresh: z
          .union([z.boolean(), z.stringbool()])
          .default(false)
          .describe("Ask the catalogs again, however lately they have answered"),
      }),
    )
    .output(z.object({ items: z.array(ImageEntry), problems: z.array(Problem) })),
  cached: procedure("GET", "/v1/images/cached", "image.use", "*", "Images on this host").output(
    List(CachedImage),
  ),
  pull: procedure("POST", "/v1/images/pull", "image.add", "/images", "Download an image before it is needed")
    .input(z.object({ reference: z.string().min(1) }))
    .output(Operation),
  build: procedure(
    "POST",
    "/v1/images/build",
    "image.add",
    "/images",
    "Build an image from a distribution's packages",
  )
    .input(z.object({ recipe: z.string().min(1).describe("debian:12") }))
    .output(Operation),
  remove: procedure("DELETE", "/v1/images/cached/{id}", "image.add", "/images", "Remove an unused image")
    .input(z.object({ id: z.string() }))
    .output(z.object({ freedBytes: z.int() })),
  prune: procedure("POST", "/v1/images/prune", "image.add", "/images", "Remove every unused image").output(
    z.object({ removed: z.array(z.string()), freedBytes: z.int() }),
  ),
};
