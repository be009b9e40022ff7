/**
 * Compose as an object: a project is up when it was brought up, and has one container for each of its files, which its
 * runtime tells of.
 */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import type { ComposeProject } from "../../src/api/compose.ts";
import { abortable } from "../../src/base/async.ts";
import { EngineError } from "../../src/base/errors.ts";
import type { Compose } from "../../src/engine/drivers/compose.ts";
import type { FakeRuntime } from "./fake-containers.ts";
import { foreignContainer } from "./fake-foreign-containers.ts";

export class FakeCompose implements Compose {
  readonly projects = new Map<string, ComposeProject>();
  readonly calls: string[] = [];
  /** What a run waits for. */
  gate: Promise<void> = Promise.resolve();
  readonly #runtime: FakeRuntime | undefined;

  constructor(runtime?: FakeRuntime) {
    this.#runtime = runtime;
  }

  list: Compose["list"] = async (_ctx, { runtime } = {}) =>
    [...this.projects.values()].filter((one) => runtime === undefined || one.runtime === runtime);

  run: Compose["run"] = async ({ signal }, request, print) => {
    const { verb, directory, files, env = {}, runtime = "docker" } = request;
    const name = request.project ?? path.basename(directory ?? "");
    const known = this.projects.get(name);
    this.calls.push(`${verb} ${name}`);
    if (!known && !directory && !files)
      throw new EngineError("not-found", `cannot bring ${name} ${verb}: there is no such project`);
    signal.addEventListener("abort", () => this.calls.push("left"));
    await print(`bringing ${name} ${verb}${env["TAG"] ? ` at ${env["TAG"]}` : ""}\n`);
    if (directory?.endsWith("endless")) await mkdir(path.join(directory, "begun"));
    await abortable(directory?.endsWith("endless") ? new Promise(() => {}) : this.gate, signal);
    if (name === "broken")
      throw new EngineError("driver-failed", `cannot bring broken ${verb}: compose ended with code 1`);
    const project = known && verb === "down" ? known : projectOf(runtime, name, directory, files);
    if (verb === "down") this.projects.delete(name);
    else this.projects.set(name, project);
    this.#tell(project, verb);
  };

  #tell({ name, containers }: ComposeProject, verb: "up" | "down"): void {
    if (!this.#runtime) return;
    const { others, listed } = this.#runtime;
    for (const one of containers) {
      const made = foreignContainer(one.name, { composeProject: name });
      if (verb === "up") others.set(made.id, made);
      else others.delete(made.id);
    }
    listed.fire();
  }
}

function projectOf(
  runtime: ComposeProject["runtime"],
  name: string,
  directory = "/",
  files = [path.join(directory, "compose.yaml")],
): ComposeProject {
  const containers = files.map((file, index) => ({
    ...{ id: String(index).padStart(64, "0"), name: `${name}-web-${index + 1}`, service: "web" },
    ...{ image: path.basename(file), state: "running" as const },
  }));
  return { runtime, name, directory, files, containers };
}
