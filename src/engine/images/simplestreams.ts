/**
 * Ubuntu's catalogs: simplestreams 1.0 (`streams/v1/index.json`, then the products it names). Parsing is pure, and
 * strict about each product by itself, so that one bad product does not hide the rest.
 */
import * as z from "zod";
import type { Arch } from "../../api/instance.ts";
import { EngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { Catalog, CatalogContent, CatalogImage } from "./catalog.ts";
import { type Documents, MAX_DOCUMENT_BYTES } from "./documents.ts";
import type { Remote } from "./reference.ts";
import { resolveWithin } from "./urls.ts";

const Index = z.object({
  index: z.record(
    z.string(),
    z.object({ datatype: z.string().optional(), path: z.string(), format: z.string().optional() }),
  ),
});

const Item = z.object({
  ftype: z.string(),
  path: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/i),
  size: z
    .int()
    .positive()
    .max(2 ** 40),
});
const word = z.string().max(200);
const Product = z.object({
  aliases: z.string().max(2000).default(""),
  arch: word,
  os: word.default("ubuntu"),
  release: word,
  release_title: word.optional(),
  version: word,
  supported: z.boolean().default(false),
  versions: z.record(z.string(), z.object({ items: z.record(z.string(), z.unknown()) })),
});
type Product = z.infer<typeof Product>;

const ARCHES = new Map<string, Arch>([
  ["amd64", "x86_64"],
  ["arm64", "aarch64"],
]);
/** Disk images in the order in which they are preferred. */
const ITEMS = ["disk1.img", "disk-kvm.img", "uefi1.img"];

/** The paths of the product files with disk images that an index names, safe to be resolved below its base. */
export function parseIndex(text: string, base: URL): URL[] {
  const parsed = Index.safeParse(parseJson(text));
  if (!parsed.success) throw new SyntaxError("it is not a simplestreams index");
  const urls: URL[] = [];
  for (const entry of Object.values(parsed.data.index)) {
    if (entry.datatype !== undefined && entry.datatype !== "image-downloads") continue;
    const url = resolveWithin(base, entry.path);
    if (url) urls.push(url);
  }
  return urls;
}

/** The newest usable image of every product; `skipped` counts products that are not as they should be. */
export function parseProducts(
  text: string,
  base: URL,
  remote: Remote,
): { images: CatalogImage[]; skipped: number } {
  const document = z.object({ products: z.record(z.string(), z.unknown()) }).safeParse(parseJson(text));
  if (!document.success) throw new SyntaxError("it is not a simplestreams product list");
  const images: CatalogImage[] = [];
  let skipped = 0;
  for (const raw of Object.values(document.data.products)) {
    const product = Product.safeParse(raw);
    if (!product.success) {
      skipped += 1;
      continue;
    }
    const arch = ARCHES.get(product.data.arch);
    if (!arch) continue;
    const image = newestImage(product.data, arch, base, remote);
    if (image) images.push(image);
    else skipped += 1;
  }
  return { images: withDefault(images, remote), skipped };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function newestImage(product: Product, arch: Arch, base: URL, remote: Remote): CatalogImage | undefined {
  const versions = Object.entries(product.versions).sort(([a], [b]) => (a < b ? 1 : a > b ? -1 : 0));
  for (const [version, { items }] of versions) {
    const found = usableItem(items, base);
    if (!found) continue;
    const aliases = product.aliases.split(",").map((alias) => alias.trim().toLowerCase());
    const named = [...aliases, product.release.toLowerCase()].filter((alias) => alias !== "");
    return {
      remote,
      name: product.version.toLowerCase(),
      aliases: [...new Set(named)].filter((alias) => alias !== product.version.toLowerCase()),
      os: product.os.toLowerCase() === "ubuntu" ? "Ubuntu" : product.os,
      release: product.release_title ?? product.version,
      codename: product.release,
      version,
      arch,
      supported: product.supported,
      url: found.url,
      sizeBytes: found.size,
      checksum: { algorithm: "sha256", hex: found.sha256.toLowerCase() },
      user: "ubuntu",
    };
  }
  return undefined;
}

function usableItem(items: Record<string, unknown>, base: URL) {
  const parsed = Object.values(items).flatMap((raw) => {
    const item = Item.safeParse(raw);
    return item.success ? [item.data] : [];
  });
  for (const ftype of ITEMS) {
    const item = parsed.find((candidate) => candidate.ftype === ftype);
    const url = item && resolveWithin(base, item.path);
    if (item && url) return { url: url.href, size: item.size, sha256: item.sha256 };
  }
  return undefined;
}

/** `ubuntu` means the default one; a catalog that names no default (minimal, small mirrors) gets its newest LTS. */
function withDefault(images: CatalogImage[], remote: Remote): CatalogImage[] {
  if (remote === "daily") return images;
  const hasDefault = images.some((image) => image.aliases.includes("default"));
  const newest = images
    .filter((image) => image.supported && /LTS/i.test(image.release))
    .map((image) => image.name)
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .at(-1);
  return images.map((image) => {
    const isDefault = hasDefault ? image.aliases.includes("default") : image.name === newest;
    if (!isDefault) return image;
    return { ...image, aliases: [...new Set([...image.aliases, "default", "lts", "ubuntu"])] };
  });
}

/** One tree below the Ubuntu base URL. */
export function simplestreamsCatalog(documents: Documents, remote: Remote, base: URL): Catalog {
  const title = `the Ubuntu ${remote} catalog at ${base.href}`;
  return {
    remote,
    title,
    async read(ctx: Ctx): Promise<CatalogContent> {
      try {
        return await readTree(ctx, documents, remote, base);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        throw new EngineError("download-failed", `cannot read ${title}: ${error.message}`, { cause: error });
      }
    },
  };
}

async function readTree(ctx: Ctx, documents: Documents, remote: Remote, base: URL): Promise<CatalogContent> {
  const index = await documents.read(ctx, new URL("streams/v1/index.json", base), MAX_DOCUMENT_BYTES);
  let stale = index.stale;
  const images: CatalogImage[] = [];
  for (const url of parseIndex(index.text, base)) {
    const products = await documents.read(ctx, url, MAX_DOCUMENT_BYTES);
    stale ??= products.stale;
    const parsed = parseProducts(products.text, base, remote);
    if (parsed.skipped > 0)
      ctx.log.warn("skipped catalog products", { url: url.href, count: parsed.skipped });
    images.push(...parsed.images);
  }
  return { images, stale };
}
