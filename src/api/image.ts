import * as z from "zod";
import { Arch } from "./instance.ts";

/** An image that can be launched: an entry of a catalog. */
export const ImageEntry = z.object({
  reference: z
    .string()
    .describe("What to give to launch; remote:alias where the remote is not the default one"),
  remote: z.string().describe("release, daily, minimal, …; empty for the distribution manifest"),
  aliases: z.array(z.string()),
  os: z.string(),
  release: z.string(),
  codename: z.string().optional(),
  version: z.string(),
  arch: Arch,
  sizeBytes: z.int().optional(),
  sha256: z.string().optional(),
  supported: z.boolean(),
  cached: z.boolean(),
});
export type ImageEntry = z.infer<typeof ImageEntry>;

/** An image on this host, verified and ready to be a backing file. */
export const CachedImage = z.object({
  id: z.string().describe("sha256 of the published bytes; of the disk itself where it was built here"),
  reference: z.string(),
  os: z.string(),
  release: z.string(),
  version: z.string(),
  arch: Arch,
  sizeBytes: z.int().describe("On this host's disk"),
  verified: z.boolean().describe("False where no checksum was published for it"),
  usedBy: z.array(z.string()).describe("Names of the instances whose disks stand on it"),
  fetchedAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime(),
});
export type CachedImage = z.infer<typeof CachedImage>;
