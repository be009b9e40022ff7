/** All catalogs together, each remembered for a short while. */
import type { Settings } from "../../api/engine-info.ts";
import type { Problem } from "../../api/instance.ts";
import { type EngineError, toEngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import { SharedWork } from "../shared-work.ts";
import type { Catalog, CatalogContent, CatalogImage } from "./catalog.ts";
import type { Documents } from "./documents.ts";
import { manifestCatalog } from "./manifest.ts";
import { REMOTES, type Remote } from "./reference.ts";
import { simplestreamsCatalog } from "./simplestreams.ts";
import { allowedUrl, asBase } from "./urls.ts";

/** How long a catalog's answer is used without asking again; a stale one for less, so that a network that is back is seen. */
const FRESH_MS = 5 * 60_000;
const STALE_MS = 10_000;

const TREES: Record<Remote, string> = { release: "releases/", daily: "daily/", minimal: "minimal/releases/" };

export type CatalogFailure = { remote: string; error: EngineError };
export type CatalogReport = { images: CatalogImage[]; failures: CatalogFailure[]; problems: Problem[] };

export class Catalogs {
  readonly #documents: Documents;
  readonly #settings: () => Settings;
  readonly #shared = new SharedWork<CatalogContent>();
  readonly #remembered = new Map<string, { content: CatalogContent; until: number }>();

  constructor(documents: Documents, settings: () => Settings) {
    this.#documents = documents;
    this.#settings = settings;
  }

  /** What the catalogs of these remotes ("" is the manifest) hold, in this order; what cannot be reached is a failure.
   * With `refresh` every one is asked, however lately it was. */
  async read(ctx: Ctx, remotes: readonly string[], { refresh = false } = {}): Promise<CatalogReport> {
    if (refresh) this.#remembered.clear();
    const report: CatalogReport = { images: [], failures: [], problems: [] };
    const contents = await Promise.all(remotes.map((remote) => this.#readOne(ctx, remote)));
    for (const [index, content] of contents.entries()) {
      const remote = remotes[index] ?? "";
      if ("error" in content) {
        report.failures.push({ remote, error: content.error });
        report.problems.push(problemOf("catalog-unreachable", "warning", content.error));
        continue;
      }
      report.images.push(...content.images);
      if (content.stale) report.problems.push(problemOf("catalog-stale", "info", content.stale));
    }
    return report;
  }

  async #readOne(ctx: Ctx, remote: string): Promise<CatalogContent | { error: EngineError }> {
    try {
      const { key, catalog } = this.#catalog(remote);
      const remembered = this.#remembered.get(key);
      if (remembered && remembered.until > performance.now()) return remembered.content;
      const content = await this.#shared.run(key, ctx, (shared) => catalog.read(shared));
      const until = performance.now() + (content.stale ? STALE_MS : FRESH_MS);
      for (const known of this.#remembered.keys()) {
        if (known.startsWith(`${remote} `)) this.#remembered.delete(known); // Another address than now.
      }
      this.#remembered.set(key, { content, until });
      return content;
    } catch (error) {
      ctx.signal.throwIfAborted();
      return { error: toEngineError(error, `read the ${remote || "distribution"} catalog`) };
    }
  }

  #catalog(remote: string): { key: string; catalog: Catalog } {
    const settings = this.#settings();
    const known = REMOTES.find((name) => name === remote);
    if (known) {
      const key = settings["local.image.mirror"] ? "local.image.mirror" : "images.ubuntu-url";
      const base = asBase(allowedUrl(settings[key], `use the setting ${key}`));
      const tree = new URL(TREES[known], base);
      return { key: `${remote} ${tree.href}`, catalog: simplestreamsCatalog(this.#documents, known, tree) };
    }
    const text = settings["images.manifest-url"];
    const url = text === "" ? undefined : allowedUrl(text, "use the setting images.manifest-url");
    return { key: ` ${text}`, catalog: manifestCatalog(this.#documents, url) };
  }
}

function problemOf(code: string, severity: Problem["severity"], error: EngineError): Problem {
  const { message, hint } = error;
  return { code, severity, message, ...(hint === undefined ? {} : { hint }) };
}
