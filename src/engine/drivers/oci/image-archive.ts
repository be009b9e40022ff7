/** An archive of one image with one layer, as `docker load` reads it. What its sum is known of comes after the layer. */
import { createHash } from "node:crypto";
import type { Arch } from "../../../api/instance.ts";
import { plainFile, TAR_END, tarEntry } from "../../../base/tar/write.ts";
import type { TreeImage } from "../trees.ts";
import { checkedConfig } from "./image-config.ts";

const ARCHES: Record<Arch, string> = { x86_64: "amd64", aarch64: "arm64" };
const LAYER = "0/layer.tar";

/** `reference`: what it is called when it is loaded. */
export async function* imageArchive(
  { config, createdAt, root }: TreeImage,
  arch: Arch,
  reference: string,
): AsyncGenerator<Uint8Array> {
  const checked = checkedConfig(config);
  const sum = createHash("sha256");
  yield* tarEntry(
    plainFile(LAYER, root.sizeBytes),
    summed(root.bytes(), (bytes) => sum.update(bytes)),
  );
  const image = Buffer.from(
    JSON.stringify({
      ...{ architecture: ARCHES[arch], os: "linux", created: createdAt, config: checked },
      rootfs: { type: "layers", diff_ids: [`sha256:${sum.digest("hex")}`] },
      history: [{ created: createdAt, created_by: "berth backup restore" }],
    }),
  );
  const name = `${createHash("sha256").update(image).digest("hex")}.json`;
  yield* tarEntry(plainFile(name, image.length), [image]);
  const manifest = Buffer.from(JSON.stringify([{ Config: name, RepoTags: [reference], Layers: [LAYER] }]));
  yield* tarEntry(plainFile("manifest.json", manifest.length), [manifest]);
  yield TAR_END;
}

async function* summed(
  source: AsyncIterable<Uint8Array>,
  add: (bytes: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) {
    add(bytes);
    yield bytes;
  }
}
