/** Which images in the runtimes of this host are there because of us: a prune removes no others unless it is asked to. */
import { readFile } from "node:fs/promises";
import * as z from "zod";
import { ContainerRuntime } from "../../../api/container.ts";
import { KeyedQueue } from "../../../base/async.ts";
import { writeFileDurable } from "../../../base/durable.ts";
import type { Runtime } from "./endpoints.ts";

const Record = z.object({
  schema: z.literal(1),
  images: z.array(z.object({ runtime: ContainerRuntime, id: z.string() })),
});
type Brought = z.infer<typeof Record>["images"];

export class Ledger {
  readonly #file: string;
  readonly #writes = new KeyedQueue();

  constructor(file: string) {
    this.#file = file;
  }

  /** Ids of this runtime's images. What cannot be read is as nothing: then they are kept. */
  async idsOf(runtime: Runtime): Promise<ReadonlySet<string>> {
    const images = await this.#read();
    return new Set(images.filter((image) => image.runtime === runtime).map(({ id }) => id));
  }

  add(runtime: Runtime, id: string): Promise<void> {
    return this.#change((images) => [...without(images, runtime, [id]), { runtime, id }]);
  }

  drop(runtime: Runtime, ids: readonly string[]): Promise<void> {
    return this.#change((images) => without(images, runtime, ids));
  }

  #change(change: (images: Brought) => Brought): Promise<void> {
    return this.#writes.run("", async () => {
      const record: z.infer<typeof Record> = { schema: 1, images: change(await this.#read()) };
      await writeFileDurable(this.#file, JSON.stringify(record));
    });
  }

  async #read(): Promise<Brought> {
    try {
      return Record.parse(JSON.parse(await readFile(this.#file, "utf8"))).images;
    } catch {
      return [];
    }
  }
}

function without(images: Brought, runtime: Runtime, ids: readonly string[]): Brought {
  return images.filter((image) => image.runtime !== runtime || !ids.includes(image.id));
}
