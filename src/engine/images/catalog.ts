/** The one interface behind which all catalogs of images stand, and what is looked up in them. */
import type { Arch } from "../../api/instance.ts";
import type { EngineError } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";

export type HashAlgorithm = "sha256" | "sha512";
/** Lower-case hex. */
export type Checksum = { algorithm: HashAlgorithm; hex: string };
/** A published list of checksums (SHA512SUMS and its kin) that names the file. */
export type ChecksumList = { algorithm: HashAlgorithm; list: string };

/** An image that can be fetched. */
export type CatalogImage = {
  /** release, daily, minimal; empty for the distribution manifest and for single addresses. */
  remote: string;
  /** What to give to launch, without the remote. */
  name: string;
  /** Everything else it answers to, without the remote; lower case. */
  aliases: readonly string[];
  os: string;
  release: string;
  codename?: string | undefined;
  /** Date or build; `latest` where the catalog does not say. */
  version: string;
  arch: Arch;
  supported: boolean;
  url: string;
  sizeBytes?: number | undefined;
  checksum?: Checksum | ChecksumList | undefined;
  /** The login that the image's cloud-init makes. */
  user: string;
};

export type CatalogContent = {
  images: CatalogImage[];
  /** Why the content may be out of date: the catalog could not be reached and a kept copy was used. */
  stale?: EngineError | undefined;
};

export interface Catalog {
  readonly remote: string;
  /** For messages: "the Ubuntu release catalog". */
  readonly title: string;
  /** Rejects with `download-failed` where it cannot be reached and no copy is kept. */
  read(ctx: Ctx): Promise<CatalogContent>;
}
