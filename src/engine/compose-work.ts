/** Compose projects as clients see them. */
import path from "node:path";
import type { Readable } from "node:stream";
import type { ComposeProject, ComposeRun } from "../api/compose.ts";
import { EngineError } from "../base/errors.ts";
import type { ComposeApi } from "./container-core.ts";
import type { Compose } from "./drivers/compose.ts";
import type { Driver } from "./drivers/driver.ts";
import type { Log } from "./log.ts";
import { printed } from "./printed.ts";

export class ComposeWork implements ComposeApi {
  readonly #drivers: readonly Driver[];
  readonly #log: Log;

  constructor(drivers: readonly Driver[], log: Log) {
    this.#drivers = drivers;
    this.#log = log;
  }

  async list(where: Pick<ComposeRun, "runtime">, signal: AbortSignal): Promise<ComposeProject[]> {
    const projects = await this.#compose("list compose projects").list({ signal }, where);
    return projects.sort((a, b) => a.name.localeCompare(b.name) || a.runtime.localeCompare(b.runtime));
  }

  run(request: ComposeRun, signal: AbortSignal): Readable {
    const doing = composing(request);
    const compose = this.#compose(doing);
    const relative = [request.directory, ...(request.files ?? [])].find(
      (one) => one !== undefined && !path.isAbsolute(one),
    );
    if (relative !== undefined)
      throw new EngineError("invalid-argument", `cannot ${doing}: ${relative} is not an absolute path`);
    return printed(doing, signal, async (signal, print) => {
      await compose.run({ signal, progress: () => {}, log: this.#log }, request, print);
      return "";
    });
  }

  /** Throws where this engine has no driver of containers. */
  #compose(doing: string): Compose {
    const found = this.#drivers.find(({ compose }) => compose)?.compose;
    if (found) return found;
    throw new EngineError("not-supported", `cannot ${doing}: this engine runs no containers`);
  }
}

/** What it does, as an error says it after "cannot". Pure. */
export function composing({ verb, project, directory, files }: Omit<ComposeRun, "env">): string {
  return `bring ${project ?? directory ?? files?.[0] ?? "a compose project"} ${verb}`;
}
