/** A repository on a REST server: restic's REST backend protocol, version 2. */
import { scheduler } from "node:timers/promises";
import { sleep } from "../../../base/async.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Secret } from "../../../base/secret.ts";
import type { Ctx } from "../../ctx.ts";
import { TransientError } from "../../transient.ts";
import { formatAddress, type RestAddress } from "./address.ts";
import { type Certified, checkedCertified } from "./certificate.ts";
import { answeredFault, type HttpAnswer, type HttpRequest, HttpServer, isSuccess } from "./http.ts";
import { anotherRepository, pathOf } from "./layout.ts";
import { FILE_NAME, type FileId, type FileKind, type Place, type PlacedFile } from "./place.ts";
import { placeError } from "./place-error.ts";
import { type Range, rangeHeader, rangeOf } from "./range.ts";
import { type Attempt, PATIENCE, type Patience, retrying } from "./retry.ts";

export type RestOptions = { password?: Secret | undefined; patience?: Patience | undefined } & Certified;

const V2 = "application/vnd.x.restic.rest.v2";
/** After so many entries of a list others have their turn. */
const TURN = 1000;

export class RestPlace implements Place {
  readonly name: string;
  readonly connections = 5;
  readonly #server: HttpServer;
  readonly #base: string;
  readonly #headers: Record<string, string>;
  readonly #patience: Patience;

  constructor(address: RestAddress, { password, patience = PATIENCE, ...certified }: RestOptions = {}) {
    const url = new URL(address.url);
    this.name = formatAddress(address);
    this.#base = url.pathname.replace(/\/$/, "");
    this.#patience = patience;
    const login = `${address.user ?? ""}:${password?.reveal() ?? ""}`;
    this.#headers = {
      accept: V2,
      ...(address.user === undefined
        ? {}
        : { authorization: `Basic ${Buffer.from(login).toString("base64")}` }),
    };
    const { connections } = this;
    const { silentMs } = patience;
    this.#server = new HttpServer(url, { certified: checkedCertified(certified), connections, silentMs });
  }

  create(ctx: Ctx): Promise<void> {
    return this.#call(ctx, "make the repository in", async (ask) => {
      await ask({ method: "POST", path: "/?create=true" });
    });
  }

  async save(ctx: Ctx, file: FileId, bytes: Uint8Array): Promise<void> {
    if (file.kind === "config" && (await this.#hasConfig(ctx, bytes))) return;
    const path = this.#pathOf(file);
    await this.#call(ctx, "write to", async (ask, attempt) => {
      const isAgain = attempt.number > 1;
      if (isAgain && (await this.#hasEnd(ask, path, bytes.length))) return;
      const headers = { "content-type": "application/octet-stream" };
      const answer = await ask({ method: "POST", path, headers, body: bytes }, 403);
      // A server that keeps what it has refuses the same file as it refuses any.
      if (answer.status === 403 && sizeIn(await ask({ method: "HEAD", path }, 404)) !== bytes.length)
        throw answeredFault({ verb: "write to", place: this.name }, answer);
      if (!isAgain) return;
      await sleep(this.#patience.firstMs, ctx.signal);
      if (!(await this.#hasEnd(ask, path, bytes.length)))
        throw new TransientError("what a lost connection had begun was removed");
    });
  }

  /**
   * rclone removes what a lost connection had begun when it notices, which may be after another has sent it all, and tells
   * the length of what was to come meanwhile: so its end is read.
   */
  async #hasEnd(ask: Ask, path: string, sizeBytes: number): Promise<boolean> {
    const end = { offset: sizeBytes - 1, lengthBytes: 1 };
    try {
      const answer = await ask({ method: "GET", path, headers: rangeHeader(end) }, 416);
      return rangeOf({ verb: "write to", place: this.name }, path, answer, end).length === 1;
    } catch (error) {
      const isAbsent = error instanceof EngineError && error.code === "not-found";
      if (isAbsent || error instanceof TransientError) return false;
      throw error;
    }
  }

  async load(ctx: Ctx, file: FileId, range?: Range): Promise<Uint8Array> {
    const path = this.#pathOf(file);
    if (range?.lengthBytes === 0) return new Uint8Array();
    return await this.#call(ctx, "read from", async (ask) => {
      const answer = await ask({ method: "GET", path, headers: rangeHeader(range) }, 416);
      return range ? rangeOf({ verb: "read from", place: this.name }, path, answer, range) : answer.body;
    });
  }

  async stat(ctx: Ctx, file: FileId): Promise<{ sizeBytes: number } | undefined> {
    const path = this.#pathOf(file);
    return await this.#call(ctx, "look into", async (ask) => {
      const sizeBytes = sizeIn(await ask({ method: "HEAD", path }, 404));
      return sizeBytes === undefined ? undefined : { sizeBytes };
    });
  }

  async *list(ctx: Ctx, kind: Exclude<FileKind, "config">): AsyncIterable<PlacedFile> {
    const text = await this.#call(ctx, "list", async (ask) => {
      const answer = await ask({ method: "GET", path: `/${kind}/` });
      if (!answer.headers["content-type"]?.startsWith(V2)) throw this.#noList();
      return answer.body.toString("utf8");
    });
    const seen = new Set<string>();
    for (const [entry] of text.matchAll(/\{[^{}]*\}/g)) {
      const { name, sizeBytes } = this.#entry(entry);
      if (!FILE_NAME.test(name) || seen.has(name)) continue;
      seen.add(name);
      if (seen.size % TURN === 0) await scheduler.yield();
      ctx.signal.throwIfAborted();
      yield { name, sizeBytes };
    }
  }

  async remove(ctx: Ctx, file: FileId): Promise<void> {
    const path = this.#pathOf(file);
    return await this.#call(ctx, "remove a file from", async (ask) => {
      await ask({ method: "DELETE", path }, 404);
    });
  }

  /** What was cut off is the server's own affair; it does not show it. */
  async sweep(): Promise<void> {}

  dispose(): void {
    this.#server.dispose();
  }

  /** The server keeps packs by their names alone, and lays them on shelves itself. */
  #pathOf(file: FileId): string {
    pathOf(this.name, file);
    return file.kind === "config" ? "/config" : `/${file.kind}/${file.name}`;
  }

  /** Whether this very config is there; throws where another is. */
  async #hasConfig(ctx: Ctx, bytes: Uint8Array): Promise<boolean> {
    const there = await this.#call(ctx, "read from", async (ask) => {
      const answer = await ask({ method: "GET", path: "/config" }, 404);
      return answer.status === 404 ? undefined : answer.body;
    });
    if (there && !there.equals(bytes)) throw anotherRepository(this.name);
    return there !== undefined;
  }

  #entry(text: string): PlacedFile {
    try {
      const { name, size } = JSON.parse(text) as { name?: unknown; size?: unknown };
      if (typeof name === "string" && typeof size === "number" && Number.isSafeInteger(size) && size >= 0)
        return { name, sizeBytes: size };
    } catch {
      // Said below.
    }
    throw this.#noList();
  }

  #noList(): EngineError {
    const hint =
      "Look whether the address leads to a REST server for restic, with version 2 of its protocol.";
    return placeError(
      "not-supported",
      { verb: "list", place: this.name },
      "its answer is no list of files",
      hint,
    );
  }

  #call<T>(ctx: Ctx, verb: string, work: (ask: Ask, attempt: Attempt) => Promise<T>): Promise<T> {
    const purpose = { verb, place: this.name };
    return retrying(ctx, this.#patience, purpose, (attempt) =>
      work(async (request, allowed) => {
        const path = this.#base + request.path;
        const headers = { ...this.#headers, ...request.headers };
        const answer = await this.#server.send(ctx, purpose, { ...request, path, headers });
        if (isSuccess(answer) || answer.status === allowed) return answer;
        throw answeredFault(purpose, answer);
      }, attempt),
    );
  }
}

/** Sends one request below the repository's path. Rejects for every status but success and the one allowed. */
type Ask = (request: HttpRequest, allowed?: number) => Promise<HttpAnswer>;

function sizeIn({ status, headers }: HttpAnswer): number | undefined {
  const length = headers["content-length"];
  return status === 404 || length === undefined ? undefined : Number(length);
}
