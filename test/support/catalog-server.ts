/**
 * A loopback web server with a real simplestreams tree made from given image files, as cloud-images.ubuntu.com has it,
 * so that the product's own catalog, download and checksum code runs in tests. Faults are injected per request.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";

export type ServedImage = {
  /** The image file on disk. */
  file: string;
  /** `24.04` unless given. */
  version?: string;
  /** `noble` unless given. */
  codename?: string;
  /** `24.04 LTS` unless given. */
  title?: string;
  /** `24.04,default,lts,n,noble` unless given. */
  aliases?: string;
  /** `20250101` unless given. */
  serial?: string;
  remote?: "release" | "daily" | "minimal";
  /** Debian's word for the architecture; `amd64` unless given. */
  arch?: string;
  supported?: boolean;
  /** Published instead of the true one. */
  sha256?: string;
  /** Published instead of the true one. */
  size?: number;
};

export type Fault =
  /** Ends the connection cleanly or not after `at` bytes of the body, having promised all. */
  | { kind: "drop"; at: number }
  /** Sends `at` bytes, then nothing more, and keeps the connection open. */
  | { kind: "stall"; at: number }
  /** Changes one byte. */
  | { kind: "corrupt"; at: number }
  | { kind: "status"; status: number }
  | { kind: "redirect"; to: string }
  /** Promises this many bytes. */
  | { kind: "claim"; size: number }
  /** Answers a Range request with the whole file. */
  | { kind: "no-range" };

export type Request = { path: string; headers: IncomingMessage["headers"]; status: number };

export type CatalogServer = {
  /** For the setting `images.ubuntu-url`. */
  url: string;
  /** Where the images lie, in the order given. */
  imageUrls: string[];
  /** Every request so far. */
  requests: Request[];
  /** The next `times` requests whose path matches get this fault instead. */
  fault(match: RegExp, fault: Fault, times?: number): void;
  /** Serves a text at a path of its own, or another text at a known one. */
  put(path: string, text: string): void;
  close(): Promise<void>;
};

const TREES = { release: "releases", daily: "daily", minimal: "minimal/releases" } as const;

type Content = { text: string } | { file: string; size: number; etag: string };

export async function startCatalogServer(images: readonly ServedImage[]): Promise<CatalogServer> {
  const contents = new Map<string, Content>();
  const imagePaths = await addTrees(contents, images);
  const requests: Request[] = [];
  const faults: { match: RegExp; fault: Fault; left: number }[] = [];
  const server = createServer((request, response) => {
    const pathname = new URL(request.url ?? "/", "http://localhost").pathname;
    const found = faults.find(({ match, left }) => left > 0 && match.test(pathname));
    if (found) found.left -= 1;
    response.on("close", () =>
      requests.push({ path: pathname, headers: request.headers, status: response.statusCode }),
    );
    answer(request, response, contents.get(decodeURIComponent(pathname)), found?.fault);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    url,
    imageUrls: imagePaths.map((each) => new URL(each, url).href),
    requests,
    fault: (match, fault, times = 1) => void faults.push({ match, fault, left: times }),
    put: (at, text) => void contents.set(at, { text }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function addTrees(contents: Map<string, Content>, images: readonly ServedImage[]): Promise<string[]> {
  const products: Record<keyof typeof TREES, Record<string, object>> = {
    release: {},
    daily: {},
    minimal: {},
  };
  const paths: string[] = [];
  for (const image of images) {
    const {
      remote = "release",
      version = "24.04",
      codename = "noble",
      serial = "20250101",
      arch = "amd64",
    } = image;
    const { size } = await stat(image.file);
    const sha256 = await sha256Of(image.file);
    const relative = `server/${remote}/${codename}/release-${serial}/ubuntu-${version}-${arch}${path.extname(image.file)}`;
    const absolute = `/${TREES[remote]}/${relative}`;
    contents.set(absolute, { file: image.file, size, etag: `"${sha256.slice(0, 16)}"` });
    paths.push(absolute);
    const item = {
      ftype: "disk1.img",
      path: relative,
      sha256: image.sha256 ?? sha256,
      size: image.size ?? size,
    };
    const vmdk = { ftype: "ova", path: `${relative}.ova`, sha256: "0".repeat(64), size: 1 };
    products[remote][`com.ubuntu.cloud:server:${version}:${arch}`] = {
      aliases: image.aliases ?? `${version},default,lts,${codename[0]},${codename}`,
      arch,
      os: "ubuntu",
      release: codename,
      release_title: image.title ?? `${version} LTS`,
      version,
      supported: image.supported ?? true,
      support_eol: "2029-05-31",
      versions: { [serial]: { items: { ova: vmdk, "disk1.img": item }, label: "release" } },
    };
  }
  for (const remote of Object.keys(TREES) as (keyof typeof TREES)[])
    addTree(contents, remote, products[remote]);
  return paths;
}

function addTree(contents: Map<string, Content>, remote: keyof typeof TREES, products: object): void {
  const name = `com.ubuntu.cloud:${remote}:download`;
  const list = `streams/v1/${name}.json`;
  const entry = { datatype: "image-downloads", path: list, format: "products:1.0" };
  const other = { datatype: "image-ids", path: "streams/v1/other.json", format: "products:1.0" };
  const index = { format: "index:1.0", index: { other, [name]: entry } };
  contents.set(`/${TREES[remote]}/streams/v1/index.json`, { text: JSON.stringify(index) });
  contents.set(`/${TREES[remote]}/${list}`, { text: JSON.stringify({ format: "products:1.0", products }) });
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  content: Content | undefined,
  fault: Fault | undefined,
): void {
  if (fault?.kind === "status") return void response.writeHead(fault.status).end();
  if (fault?.kind === "redirect") return void response.writeHead(302, { location: fault.to }).end();
  if (!content) return void response.writeHead(404).end("not here");
  const text = "text" in content ? Buffer.from(content.text) : undefined;
  const size = "file" in content ? content.size : (text?.length ?? 0);
  const etag =
    "file" in content
      ? content.etag
      : `"${createHash("sha256")
          .update(text ?? "")
          .digest("hex")}"`;
  if (request.headers["if-none-match"] === etag) return void response.writeHead(304, { etag }).end();
  const start = fault?.kind === "no-range" ? 0 : rangeStart(request, etag);
  if (start > 0 && start >= size)
    return void response.writeHead(416, { "content-range": `bytes */${size}` }).end();
  response.writeHead(start > 0 ? 206 : 200, {
    "content-length": fault?.kind === "claim" ? fault.size : size - start,
    "accept-ranges": "bytes",
    etag,
    ...(start > 0 ? { "content-range": `bytes ${start}-${size - 1}/${size}` } : {}),
  });
  response.flushHeaders();
  if (text) return void response.end(text.subarray(start));
  if ("file" in content) void send(response, content.file, start, fault);
}

function rangeStart(request: IncomingMessage, etag: string): number {
  const condition = request.headers["if-range"];
  if (condition !== undefined && condition !== etag) return 0;
  return Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
}

/** Faults count from the beginning of this answer. */
async function send(
  response: ServerResponse,
  file: string,
  start: number,
  fault: Fault | undefined,
): Promise<void> {
  let sent = 0;
  const stream = createReadStream(file, { start, highWaterMark: 64 * 1024 });
  response.on("close", () => stream.destroy());
  try {
    for await (const piece of stream) {
      let chunk = piece as Buffer;
      const at = fault && "at" in fault ? fault.at - sent : Number.POSITIVE_INFINITY;
      if (at < chunk.length && fault?.kind === "corrupt") chunk[at] = (chunk[at] ?? 0) ^ 0xff;
      const ends = at < chunk.length && (fault?.kind === "drop" || fault?.kind === "stall");
      if (ends) chunk = chunk.subarray(0, at);
      sent += chunk.length;
      // The other side must have had these bytes before the connection goes.
      await new Promise<void>((resolve) => response.write(chunk, () => resolve()));
      if (ends && fault?.kind === "drop") return void setImmediate(() => response.destroy());
      if (ends) return;
    }
    response.end();
  } catch {
    response.destroy();
  }
}
