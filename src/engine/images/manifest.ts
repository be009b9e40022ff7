/**
 * The distribution manifest: which published cloud images there are besides Ubuntu's, and how each one's checksum is
 * found. One is bundled; `images.manifest-url` names another of the same form. The first release of a distribution is
 * the one that its bare name means.
 */
import * as z from "zod";
import type { Arch } from "../../api/instance.ts";
import { EngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { Catalog, CatalogContent, CatalogImage } from "./catalog.ts";
import distributions from "./distributions.json" with { type: "json" };
import type { Documents } from "./documents.ts";
import { isAllowedUrl } from "./urls.ts";

const AllowedUrl = z
  .url()
  .max(2000)
  .refine((text) => {
    const url = URL.parse(text);
    return url !== null && isAllowedUrl(url);
  }, "must be an https address");
const Word = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[^\s:/\p{Cc}]+$/u);

const ManifestChecksum = z.union([
  z.strictObject({ algorithm: z.literal("sha256"), hex: z.string().regex(/^[0-9a-f]{64}$/) }),
  z.strictObject({ algorithm: z.literal("sha512"), hex: z.string().regex(/^[0-9a-f]{128}$/) }),
  z.strictObject({ algorithm: z.enum(["sha256", "sha512"]), list: AllowedUrl }),
]);
const ManifestImage = z.object({
  url: AllowedUrl,
  sizeBytes: z.int().positive().optional(),
  checksum: ManifestChecksum.optional(),
});
const Distribution = z.object({
  os: Word,
  release: Word,
  codename: Word.optional(),
  aliases: z.array(Word).max(20).default([]),
  version: Word.default("latest"),
  user: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/),
  supported: z.boolean().default(true),
  images: z.object({ x86_64: ManifestImage.optional(), aarch64: ManifestImage.optional() }),
});
type Distribution = z.infer<typeof Distribution>;
const Manifest = z.object({ schema: z.literal(1), distributions: z.array(z.unknown()).max(1000) });

/** Throws SyntaxError for what is no manifest; an entry that is not as it should be is skipped and counted. */
export function parseManifest(value: unknown): { images: CatalogImage[]; skipped: number } {
  const manifest = Manifest.safeParse(value);
  if (!manifest.success) throw new SyntaxError("it is not a distribution manifest of schema 1");
  const images: CatalogImage[] = [];
  const seen = new Set<string>();
  let skipped = 0;
  for (const raw of manifest.data.distributions) {
    const entry = Distribution.safeParse(raw);
    if (entry.success) images.push(...imagesOf(entry.data, seen));
    else skipped += 1;
  }
  return { images, skipped };
}

/** The aliases of one release: `debian:12`, `debian-12`, `bookworm`; the first release of a kind also gets `debian`. */
function imagesOf(entry: Distribution, seen: Set<string>): CatalogImage[] {
  const os = entry.os.toLowerCase();
  const release = entry.release.toLowerCase();
  const names = [os, ...entry.aliases.map((alias) => alias.toLowerCase())];
  const aliases = names.flatMap((name) => [`${name}:${release}`, `${name}-${release}`]);
  if (entry.codename) aliases.push(entry.codename.toLowerCase(), `${os}:${entry.codename.toLowerCase()}`);
  if (!seen.has(os)) aliases.push(...names);
  seen.add(os);
  const name = `${os}:${release}`;
  return (["x86_64", "aarch64"] as Arch[]).flatMap((arch) => {
    const image = entry.images[arch];
    if (!image) return [];
    const { codename, version, supported, user } = entry;
    const rest = { codename, version, arch, supported, user, ...image };
    return [
      {
        remote: "",
        name,
        aliases: aliases.filter((alias) => alias !== name),
        os: entry.os,
        release: entry.release,
        ...rest,
      },
    ];
  });
}

const MANIFEST_BYTES = 2 ** 20;

/** The manifest at `url`, or the bundled one. */
export function manifestCatalog(documents: Documents, url: URL | undefined): Catalog {
  const title = url ? `the distribution manifest at ${url.href}` : "the bundled distribution manifest";
  return {
    remote: "",
    title,
    async read(ctx: Ctx): Promise<CatalogContent> {
      if (!url) return { images: parseManifest(distributions).images };
      const document = await documents.read(ctx, url, MANIFEST_BYTES);
      try {
        const { images, skipped } = parseManifest(JSON.parse(document.text));
        if (skipped > 0) ctx.log.warn("skipped manifest entries", { url: url.href, count: skipped });
        return { images, stale: document.stale };
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        throw new EngineError("download-failed", `cannot read ${title}: ${error.message}`, {
          hint: "Check the setting images.manifest-url; empty it to use the bundled manifest.",
          cause: error,
        });
      }
    },
  };
}
