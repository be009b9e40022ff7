/** Images of containers in a test: published in its registry, brought by a library of its own. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Progress } from "../../src/api/operation.ts";
import type { Ctx } from "../../src/engine/ctx.ts";
import type { RuntimeApi } from "../../src/engine/drivers/oci/api.ts";
import { ContainerLibrary } from "../../src/engine/drivers/oci/library.ts";
import { silentLog } from "../../src/engine/log.ts";
import { type ImageOptions, makeImage, type Pushed, pushImage } from "./container-image.ts";
import { LOGIN, type Passed, type TestRegistry } from "./registry.ts";
import type { Runtimes } from "./runtimes.ts";

export const MIB = 2 ** 20;
export const AUTH = Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString("base64");

export type TestCtx = Ctx & { told: Progress[]; cancel: () => void };

export function makeCtx(): TestCtx {
  const controller = new AbortController();
  const told: Progress[] = [];
  return {
    signal: controller.signal,
    progress: (progress) => told.push(progress),
    log: silentLog,
    told,
    cancel: () => controller.abort(),
  };
}

let published = 0;

/** In a repository that no other test has. */
export async function publish(registry: TestRegistry, options: ImageOptions = {}): Promise<Pushed> {
  published += 1;
  const name = `team/app${published}`;
  const image = await makeImage({ seed: name, env: [`NAME=${name}`], ...options });
  return pushImage(registry.host, name, "1", image, LOGIN);
}

/** Every time that this layer of the image was fetched; the same layer of others does not count. */
export function fetchesOf(registry: TestRegistry, { name }: Pushed, digest = ""): Passed[] {
  const path = `/v2/${name}/blobs/${digest}`;
  return registry.passed.filter(({ method, url }) => method === "GET" && url === path);
}

/** One runtime with a library and logins of the test's own. Dispose it at the test's end. */
export class ImageWorld {
  readonly api: RuntimeApi;
  readonly directory: string;
  readonly library: ContainerLibrary;
  #loginFiles: string[] = [];

  private constructor(api: RuntimeApi, directory: string) {
    this.api = api;
    this.directory = directory;
    this.library = new ContainerLibrary({
      runtimes: async () => [api],
      choose: async () => api,
      flush: async () => {},
      ledger: path.join(directory, "images.json"),
      loginFiles: () => this.#loginFiles,
    });
  }

  static async make(all: Runtimes, runtime: "docker" | "podman"): Promise<ImageWorld> {
    return new ImageWorld(all[runtime].api, await mkdtemp(path.join(all.directory, "test-")));
  }

  /** The one place where logins are kept from now on. */
  async keepLogins(name: string, value: unknown): Promise<void> {
    const file = path.join(this.directory, name);
    await writeFile(file, JSON.stringify(value));
    this.#loginFiles = [file];
  }

  request<T>(method: string, url: string, options: Parameters<RuntimeApi["json"]>[3] = {}): Promise<T> {
    return this.api.json<T>(makeCtx(), method, url, options);
  }

  dispose(): Promise<void> {
    return rm(this.directory, { recursive: true, force: true });
  }
}
