/** Container images made byte for byte: from busybox, with as many layers as a test wants; loaded or pushed by hand. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { type Headers, pack } from "tar-stream";
import { hostArch } from "../../src/base/paths.ts";
import type { RuntimeApi } from "../../src/engine/drivers/oci/api.ts";

export type TestImage = {
  /** As the tools of Docker know it. */
  config: Buffer;
  /** Uncompressed tars, the lowest first. */
  layers: Buffer[];
};

export type ImageOptions = {
  command?: string[];
  entrypoint?: string[];
  env?: string[];
  labels?: Record<string, string>;
  exposedPorts?: number[];
  /** Directories that are volumes of every container that is made from it. */
  volumes?: string[];
  user?: string;
  arch?: string;
  /** Layers above busybox: each a file of this many random-looking bytes, so that nothing is deduplicated. */
  extraLayers?: number[];
  /** Makes the content of those layers its own. */
  seed?: string;
};

const ctx = { signal: new AbortController().signal };
const APPLETS =
  "sh ash cat chmod chown cp date dd echo env false grep head hostname httpd id kill ln ls mkdir mount mv nc ps pwd readlink rm rmdir sed sleep stat stty tail tar test touch true truncate tty uname vi wc wget whoami xargs".split(
    " ",
  );

type File = Headers & { body?: Buffer };

export async function tarOf(files: readonly File[]): Promise<Buffer> {
  const tar = pack();
  for (const { body, ...header } of files) {
    const entry = { mtime: new Date(0), ...header };
    if (body) tar.entry(entry, body);
    else tar.entry(entry);
  }
  tar.finalize();
  return buffer(tar);
}

/** A whole small system: busybox, users, the directories that programs expect. */
export async function busyboxLayer(): Promise<Buffer> {
  const folders = ["bin", "etc", "tmp", "root", "home", "var", "proc", "sys", "dev", "run"];
  return tarOf([
    ...folders.map((name) => ({ name, type: "directory" as const, mode: name === "tmp" ? 0o1777 : 0o755 })),
    { name: "bin/busybox", mode: 0o755, body: await readFile("/bin/busybox") },
    ...APPLETS.map((name) => ({ name: `bin/${name}`, type: "symlink" as const, linkname: "busybox" })),
    {
      name: "etc/passwd",
      mode: 0o644,
      body: Buffer.from("root:x:0:0:root:/root:/bin/sh\nsailor:x:1000:1000::/home:/bin/sh\n"),
    },
    { name: "etc/group", mode: 0o644, body: Buffer.from("root:x:0:\nsailor:x:1000:\n") },
  ]);
}

export async function makeImage(options: ImageOptions = {}): Promise<TestImage> {
  const extra = (options.extraLayers ?? []).map((size, index) =>
    tarOf([{ name: `layer-${index}`, mode: 0o644, body: noise(size, `${options.seed ?? ""}${index}`) }]),
  );
  const layers = [await busyboxLayer(), ...(await Promise.all(extra))];
  const config = {
    architecture: options.arch ?? (hostArch() === "aarch64" ? "arm64" : "amd64"),
    os: "linux",
    created: "2025-01-01T00:00:00Z",
    config: {
      Cmd: options.command ?? ["/bin/sh"],
      ...(options.entrypoint ? { Entrypoint: options.entrypoint } : {}),
      Env: options.env ?? ["PATH=/bin"],
      ...(options.labels ? { Labels: options.labels } : {}),
      ...(options.user ? { User: options.user } : {}),
      ...(options.volumes ? { Volumes: Object.fromEntries(options.volumes.map((at) => [at, {}])) } : {}),
      ExposedPorts: Object.fromEntries((options.exposedPorts ?? []).map((port) => [`${port}/tcp`, {}])),
    },
    rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
    history: layers.map(() => ({ created: "2025-01-01T00:00:00Z", created_by: "test" })),
  };
  return { config: Buffer.from(JSON.stringify(config)), layers };
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function noise(size: number, seed: string): Buffer {
  const blocks: Buffer[] = [];
  for (let made = 0; made < size; made += 32)
    blocks.push(createHash("sha256").update(`${seed} ${made}`).digest());
  return Buffer.concat(blocks).subarray(0, size);
}

/** As `docker save` writes it. */
export function archiveOf(image: TestImage, reference: string): Promise<Buffer> {
  const name = `${digestOf(image.config).slice(7)}.json`;
  const layers = image.layers.map((body, index) => ({ name: `${index}/layer.tar`, body, mode: 0o644 }));
  const manifest = [{ Config: name, RepoTags: [reference], Layers: layers.map((layer) => layer.name) }];
  return tarOf([
    { name, body: image.config, mode: 0o644 },
    ...layers.map((layer, index) => ({ ...layer, name: `${index}/layer.tar` })),
    { name: "manifest.json", body: Buffer.from(JSON.stringify(manifest)), mode: 0o644 },
  ]);
}

/** Puts an image into a runtime under this reference, without a registry. */
export async function loadImage(api: RuntimeApi, image: TestImage, reference: string): Promise<void> {
  const body = Readable.from([await archiveOf(image, reference)]);
  const answer = await api.stream(ctx, "POST", "/images/load", { body });
  const said = (await buffer(answer)).toString();
  if (/"error"/.test(said)) throw new Error(`cannot load ${reference}: ${said}`);
}

export type Pushed = { name: string; reference: string; digest: string; layers: string[]; manifest: string };

export const MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";

/** Puts an image into a registry by its own HTTP API; resolves with its manifest's digest. */
export async function pushImage(
  host: string,
  name: string,
  tag: string,
  image: TestImage,
  login?: { username: string; password: string },
): Promise<Pushed> {
  const headers: Record<string, string> = login
    ? { authorization: `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}` }
    : {};
  const base = `http://${host}/v2/${name}`;
  const blob = async (bytes: Buffer) => {
    const begun = await fetch(`${base}/blobs/uploads/`, { method: "POST", headers });
    const at = new URL(begun.headers.get("location") ?? "", `http://${host}`);
    at.searchParams.set("digest", digestOf(bytes));
    const done = await fetch(at, { method: "PUT", headers, body: new Uint8Array(bytes) });
    if (done.status !== 201) throw new Error(`cannot push to ${base}: ${done.status} ${await done.text()}`);
    return { digest: digestOf(bytes), size: bytes.length };
  };
  const type = "application/vnd.docker";
  const layers = [];
  for (const layer of image.layers)
    layers.push({ mediaType: `${type}.image.rootfs.diff.tar`, ...(await blob(layer)) });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: { mediaType: `${type}.container.image.v1+json`, ...(await blob(image.config)) },
      layers,
    }),
  );
  const put = await fetch(`${base}/manifests/${tag}`, {
    method: "PUT",
    headers: { ...headers, "content-type": MANIFEST_TYPE },
    body: new Uint8Array(manifest),
  });
  if (put.status !== 201) throw new Error(`cannot push to ${base}: ${put.status} ${await put.text()}`);
  const digest = digestOf(manifest);
  return {
    name,
    reference: `${host}/${name}:${tag}`,
    digest,
    layers: layers.map((layer) => layer.digest),
    manifest: manifest.toString(),
  };
}
