/** Images of containers as clients see them: slow work becomes operations, changes become events. */
import path from "node:path";
import type { Readable } from "node:stream";
import * as z from "zod";
import { ContainerRuntime } from "../api/container.ts";
import type { ContainerBuild, ContainerImport, StoredContainerImage } from "../api/container-image.ts";
import { Arch } from "../api/instance.ts";
import type { Operation } from "../api/operation.ts";
import { EngineError } from "../base/errors.ts";
import type { ContainerImagesApi } from "./container-core.ts";
import type { Ctx } from "./ctx.ts";
import type { ContainerStore } from "./drivers/container-store.ts";
import type { Driver } from "./drivers/driver.ts";
import type { EventLog } from "./event-log.ts";
import type { Log } from "./log.ts";
import type { Operations, Work } from "./operations.ts";
import { printed } from "./printed.ts";
import type { JournalRow } from "./store/store.ts";

/** What a later engine needs to go on with it. */
const Input = z.object({
  reference: z.string().optional(),
  file: z.string().optional(),
  runtime: ContainerRuntime.optional(),
  arch: Arch.optional(),
});
type Input = z.infer<typeof Input>;

const KINDS = ["pull-container-image", "push-image", "load-image", "save-image"] as const;
type Kind = (typeof KINDS)[number];

/** Whether it is about images of containers. */
export function isContainerImageRow(row: JournalRow): row is JournalRow & { kind: Kind } {
  return KINDS.some((kind) => kind === row.kind);
}

export type ContainerImageParts = {
  drivers: readonly Driver[];
  operations: Operations;
  events: EventLog;
  log: Log;
  /** Ids of the images that instances stand on, with the names of those. */
  users: () => ReadonlyMap<string, string[]>;
};

export class ContainerImageWork implements ContainerImagesApi {
  readonly #parts: ContainerImageParts;

  constructor(parts: ContainerImageParts) {
    this.#parts = parts;
  }

  async list(where: Pick<Input, "runtime">, signal: AbortSignal): Promise<StoredContainerImage[]> {
    const users = this.#parts.users();
    const images = await this.#store("list images").list({ signal }, where);
    return images.map(({ createdAt, ...image }) => ({
      ...image,
      createdAt: createdAt.toISOString(),
      usedBy: users.get(image.id) ?? [],
    }));
  }

  async pull(input: Input & { reference: string }): Promise<Operation> {
    return this.#begin("pull-container-image", input.reference, input);
  }

  async push(input: Input & { reference: string }): Promise<Operation> {
    return this.#begin("push-image", input.reference, input);
  }

  async load(input: Input & { file: string }): Promise<Operation> {
    return this.#begin("load-image", requireAbsolute(input.file, "load images from"), input);
  }

  async save(input: Input & { reference: string; file: string }): Promise<Operation> {
    requireAbsolute(input.file, "save an image to");
    return this.#begin("save-image", input.reference, input);
  }

  /** Goes on with what an earlier engine began. */
  resume(row: JournalRow & { kind: Kind }): void {
    this.#parts.operations.resume(row, this.#work(row.kind, Input.parse(row.input)));
  }

  async remove(input: Input & { reference: string }, signal: AbortSignal): Promise<void> {
    const doing = `remove image ${input.reference}`;
    const users = this.#parts.users();
    const store = this.#store(doing);
    const found = (await store.list({ signal }, input)).find(
      ({ id, references }) => id === input.reference || references.includes(input.reference),
    );
    const names = users.get(found?.id ?? "") ?? [];
    if (names.length > 0)
      throw new EngineError(
        "busy",
        `cannot ${doing}: ${names.join(", ")} ${names.length > 1 ? "stand" : "stands"} on it`,
        {
          hint: "Delete and purge what stands on it first.",
        },
      );
    await store.remove(this.#ctx(signal), input.reference, input);
    this.#changed();
  }

  async prune(
    input: Pick<Input, "runtime"> & { foreign: boolean },
    signal: AbortSignal,
  ): Promise<{ removed: string[]; freedBytes: number }> {
    const needed = new Set(this.#parts.users().keys());
    const result = await this.#store("prune images").prune(this.#ctx(signal), { ...input, needed });
    if (result.removed.length > 0) this.#changed();
    return result;
  }

  /** What the build prints; it ends with the image's id in a line of its own, or with the error. */
  build(request: ContainerBuild, signal: AbortSignal): Readable {
    requireAbsolute(request.directory, "build");
    const store = this.#store(`build ${request.directory}`);
    return printed(`build ${request.directory}`, signal, async (signal, print) => {
      const id = await store.build(this.#ctx(signal), request, print);
      this.#changed();
      return `${id}\n`;
    });
  }

  /** It ends with the image's id in a line of its own, or with the error. */
  import({ reference, runtime }: ContainerImport, tar: Readable, signal: AbortSignal): Readable {
    const doing = `import ${reference}`;
    const store = this.#store(doing);
    return printed(doing, signal, async (signal) => {
      const id = await store.import(this.#ctx(signal), tar, reference, { runtime });
      this.#changed();
      return `${id}\n`;
    });
  }

  #begin(kind: Kind, target: string, input: Input): Operation {
    this.#store(`use image ${target}`);
    return this.#parts.operations.begin({ kind, target, input: Input.parse(input) }, this.#work(kind, input));
  }

  #work(kind: Kind, { reference = "", file = "", ...where }: Input): Work {
    return async (ctx) => {
      const store = this.#store(`use image ${reference || file}`);
      if (kind === "pull-container-image") await store.pull(ctx, reference, where);
      else if (kind === "push-image") await store.push(ctx, reference, where);
      else if (kind === "load-image") await store.load(ctx, file, where);
      else await store.save(ctx, reference, file, where);
      this.#changed();
    };
  }

  /** Throws where this engine has no driver of containers. */
  #store(doing: string): ContainerStore {
    const found = this.#parts.drivers.find(({ containerStore }) => containerStore)?.containerStore;
    if (found) return found;
    throw new EngineError("not-supported", `cannot ${doing}: this engine runs no containers`);
  }

  #ctx(signal: AbortSignal): Ctx {
    return { signal, progress: () => {}, log: this.#parts.log };
  }

  #changed(): void {
    this.#parts.events.publish({ type: "images" });
  }
}

/** The engine has a directory of its own: what is relative means nothing to it. */
function requireAbsolute(file: string, doing: string): string {
  if (path.isAbsolute(file)) return file;
  throw new EngineError("invalid-argument", `cannot ${doing} ${file}: an absolute path is needed`);
}
