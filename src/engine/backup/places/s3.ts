/**
 * A repository in a bucket of a server that speaks S3: by the bucket's name in the path, as every such server
 * understands, each file one object. Requests are signed here (s3-signature.ts): the five that are needed, with names
 * that need no care, take fewer lines than any library takes to be told about certificates and cancelling.
 */
import type { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import { formatAddress, type S3Address } from "./address.ts";
import { type Certified, checkedCertified } from "./certificate.ts";
import { type HttpAnswer, type HttpRequest, HttpServer, isSuccess } from "./http.ts";
import { anotherRepository, nameAt, pathOf } from "./layout.ts";
import type { FileId, FileKind, Place, PlacedFile } from "./place.ts";
import { type Purpose, placeError } from "./place-error.ts";
import { type Range, rangeHeader, rangeOf } from "./range.ts";
import { type Attempt, PATIENCE, type Patience, retrying } from "./retry.ts";
import { parseFault, parsePage, type S3Page, s3Fault } from "./s3-answers.ts";
import { EMPTY_HASH, encodedPath, encodedQuery, type S3Keys, sha256, signed } from "./s3-signature.ts";

export type S3Options = {
  keys: S3Keys;
  /** Where it is not given, the server is asked for it by way of a refusal. */
  region?: string | undefined;
  patience?: Patience | undefined;
} & Certified;

/** What servers that know no regions expect. */
const DEFAULT_REGION = "us-east-1";

type S3Request = Omit<HttpRequest, "path"> & {
  /** Below the prefix; the bucket itself where it is absent. */
  file?: string | undefined;
  query?: Record<string, string> | undefined;
  bodyHash?: string | undefined;
};

/** Rejects for every status but success and those allowed. */
type Ask = (request: S3Request, ...allowed: number[]) => Promise<HttpAnswer>;

export class S3Place implements Place {
  readonly name: string;
  readonly connections = 5;
  readonly #address: S3Address;
  readonly #server: HttpServer;
  readonly #keys: S3Keys;
  readonly #patience: Patience;
  #region: string;

  constructor(
    address: S3Address,
    { keys, region = DEFAULT_REGION, patience = PATIENCE, ...certified }: S3Options,
  ) {
    this.name = formatAddress(address);
    this.#address = address;
    this.#keys = keys;
    this.#region = region;
    this.#patience = patience;
    const { connections } = this;
    const { silentMs } = patience;
    const url = new URL(address.endpoint);
    this.#server = new HttpServer(url, { certified: checkedCertified(certified), connections, silentMs });
  }

  /** A bucket has no directories. It is not made here: who makes one chooses where it is and who pays. */
  create(ctx: Ctx): Promise<void> {
    return this.#call(ctx, "make the repository in", async (ask) => {
      await ask({ method: "GET", query: { "list-type": "2", "max-keys": "1", prefix: this.#keyOf("") } });
    });
  }

  async save(ctx: Ctx, file: FileId, bytes: Uint8Array): Promise<void> {
    const path = pathOf(this.name, file);
    if (file.kind === "config" && (await this.#hasConfig(ctx, bytes))) return;
    const bodyHash = file.kind === "config" ? sha256(bytes) : file.name;
    const headers = { "content-type": "application/octet-stream" };
    await this.#call(ctx, "write to", async (ask, attempt) => {
      if (attempt.number > 1 && (await sizeOf(ask, path)) === bytes.length) return;
      await ask({ method: "PUT", file: path, headers, body: bytes, bodyHash });
    });
  }

  async load(ctx: Ctx, file: FileId, range?: Range): Promise<Uint8Array> {
    const path = pathOf(this.name, file);
    if (range?.lengthBytes === 0) return new Uint8Array();
    return await this.#call(ctx, "read from", async (ask, _attempt, purpose) => {
      const answer = await ask({ method: "GET", file: path, headers: rangeHeader(range) }, 416);
      return range ? rangeOf(purpose, path, answer, range) : answer.body;
    });
  }

  async stat(ctx: Ctx, file: FileId): Promise<{ sizeBytes: number } | undefined> {
    const path = pathOf(this.name, file);
    const sizeBytes = await this.#call(ctx, "look into", (ask) => sizeOf(ask, path));
    return sizeBytes === undefined ? undefined : { sizeBytes };
  }

  async *list(ctx: Ctx, kind: Exclude<FileKind, "config">): AsyncIterable<PlacedFile> {
    const prefix = this.#keyOf(`${kind}/`);
    let token: string | undefined;
    do {
      const page = await this.#page(ctx, prefix, token);
      for (const { key, sizeBytes } of page.objects) {
        const name = key.startsWith(prefix) ? nameAt(kind, key.slice(this.#keyOf("").length)) : undefined;
        if (name !== undefined) yield { name, sizeBytes };
      }
      if (page.next !== undefined && page.next === token) throw this.#noList();
      token = page.next;
    } while (token !== undefined);
  }

  async remove(ctx: Ctx, file: FileId): Promise<void> {
    const path = pathOf(this.name, file);
    await this.#call(ctx, "remove a file from", (ask) => ask({ method: "DELETE", file: path }, 404));
  }

  /** An object is there whole or not at all, and is sent in one piece. */
  async sweep(): Promise<void> {}

  dispose(): void {
    this.#server.dispose();
  }

  #keyOf(path: string): string {
    const { prefix } = this.#address;
    return prefix === "" ? path : `${prefix}/${path}`;
  }

  /** Whether this very config is there; throws where another is. */
  async #hasConfig(ctx: Ctx, bytes: Uint8Array): Promise<boolean> {
    const there = await this.#call(ctx, "read from", async (ask) => {
      const answer = await ask({ method: "GET", file: "config" }, 404);
      return answer.status === 404 ? undefined : answer.body;
    });
    if (there && !there.equals(bytes)) throw anotherRepository(this.name);
    return there !== undefined;
  }

  #page(ctx: Ctx, prefix: string, token: string | undefined): Promise<S3Page> {
    const more = token === undefined ? {} : { "continuation-token": token };
    return this.#call(ctx, "list", async (ask) => {
      const answer = await ask({ method: "GET", query: { "list-type": "2", prefix, ...more } });
      const page = parsePage(answer.body.toString("utf8"));
      if (!page) throw this.#noList();
      return page;
    });
  }

  #noList(): EngineError {
    const hint = "Look whether the address leads to a server that speaks S3, with lists of version 2.";
    return placeError(
      "not-supported",
      { verb: "list", place: this.name },
      "its answer is no list of files",
      hint,
    );
  }

  #call<T>(
    ctx: Ctx,
    verb: string,
    work: (ask: Ask, attempt: Attempt, purpose: Purpose) => Promise<T>,
  ): Promise<T> {
    const purpose = { verb, place: this.name };
    return retrying(ctx, this.#patience, purpose, (attempt) =>
      work((request, ...allowed) => this.#ask(ctx, purpose, request, allowed), attempt, purpose),
    );
  }

  async #ask(ctx: Ctx, purpose: Purpose, request: S3Request, allowed: number[]): Promise<HttpAnswer> {
    for (let asked = 1; ; asked += 1) {
      const region = this.#region;
      const answer = await this.#server.send(ctx, purpose, this.#signed(request, region));
      if (isSuccess(answer)) return answer;
      const { code, region: told = region } = parseFault(answer);
      // A bucket that is not there must not look like a file that is not.
      if (allowed.includes(answer.status) && (answer.status !== 404 || code === "NoSuchKey")) return answer;
      if (told === region || asked > 1) throw s3Fault(purpose, answer);
      this.#region = told;
    }
  }

  #signed({ file, query, bodyHash = EMPTY_HASH, ...request }: S3Request, region: string): HttpRequest {
    const path = encodedPath(this.#address.bucket, file === undefined ? "" : this.#keyOf(file));
    const { host } = new URL(this.#address.endpoint);
    const { method, headers } = request;
    const toSign = { method, host, path, query, headers, bodyHash };
    const search = query ? `?${encodedQuery(query)}` : "";
    return {
      ...request,
      path: path + search,
      headers: signed(toSign, this.#keys, { region, date: new Date() }),
    };
  }
}

/** By reading its first byte, since a server says to a GET alone why it refuses. Undefined where there is none. */
async function sizeOf(ask: Ask, file: string): Promise<number | undefined> {
  const answer = await ask({ method: "GET", file, headers: { range: "bytes=0-0" } }, 404, 416);
  if (answer.status === 404) return undefined;
  if (answer.status === 416) return 0;
  const total = /\/(\d+)$/.exec(answer.headers["content-range"] ?? "")?.[1];
  return total === undefined ? answer.body.length : Number(total);
}
