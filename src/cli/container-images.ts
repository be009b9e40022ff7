/** images, pull, push and build: images of containers, in the runtimes of this host. */
import path from "node:path";
import type { Command } from "commander";
import type { ContainerRuntime } from "../api/container.ts";
import type { StoredContainerImage } from "../api/container-image.ts";
import { EngineError } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";
import { containerReference, parseEnv } from "../client/container-text.ts";
import { type Format, formatContainerImages } from "./format.ts";
import { formatOption, repeated, runtimeOption } from "./options.ts";
import type { Session } from "./session.ts";
import { showOutput } from "./show-output.ts";

export type At = { runtime?: ContainerRuntime };

export const IMAGE = "nginx:1.27, HOST/team/app:1.0, NAME@sha256:…; docker: or podman: before it says where";

export function addContainerImageCommands(program: Command, session: Session): void {
  const images = program.command("images").description("Manage the images of containers on this host");
  addListing(images, session);
  addRemoval(images, session);
  addArchives(images, session);
  runtimeOption(program.command("pull"))
    .description("Get an image of a container from its registry")
    .argument("<image>", IMAGE)
    .action(async (text: string, options: At) => {
      const { image, runtime } = imageOf(text, options);
      await session.operate((api) => api.containerImages.pull({ reference: image, ...at(runtime) }));
      session.print(`Pulled: ${image}`);
    });
  runtimeOption(program.command("push"))
    .description("Send an image of a container to its registry")
    .argument("<image>", IMAGE)
    .action(async (text: string, options: At) => {
      const { image, runtime } = imageOf(text, options);
      await session.operate((api) => api.containerImages.push({ reference: image, ...at(runtime) }));
      session.print(`Pushed: ${image}`);
    });
  addBuild(program, session);
}

function addListing(images: Command, session: Session): void {
  const list = images.command("list", { isDefault: true }).alias("ls");
  runtimeOption(formatOption(list))
    .description("List the images of containers on this host")
    .action(async ({ format, runtime }: At & { format: Format }) => {
      const { api } = await session.client();
      const { items } = await api.containerImages.list(at(runtime));
      session.print(formatContainerImages(items, format));
    });
}

function addRemoval(images: Command, session: Session): void {
  runtimeOption(images.command("remove").alias("rm"))
    .description("Remove an image that nothing uses")
    .argument("<image>", `${IMAGE}; or the beginning of its id`)
    .action(async (text: string, options: At) => {
      const { image, runtime } = imageOf(text, options);
      const { api } = await session.client();
      const { items } = await api.containerImages.list(at(runtime));
      const reference = wholeId(items, image) ?? image;
      await api.containerImages.remove({ reference, ...at(runtime) });
      session.print(`Removed: ${image}`);
    });
  runtimeOption(images.command("prune"))
    .description("Remove the images that Berth has brought and nothing uses")
    .option("--all", "and those that it has not brought")
    .action(async ({ all = false, runtime }: At & { all?: boolean }) => {
      const { api } = await session.client();
      const { removed, freedBytes } = await api.containerImages.prune({ foreign: all, ...at(runtime) });
      const count = removed.length === 1 ? "1 image" : `${removed.length} images`;
      session.print(`Removed ${count} (${formatBytes(freedBytes)} freed)`);
    });
}

function addArchives(images: Command, session: Session): void {
  runtimeOption(images.command("load"))
    .description("Take in the images of an archive, as docker save and podman save write it")
    .argument("<file>")
    .action(async (name: string, { runtime }: At) => {
      const file = path.resolve(name);
      await session.operate((api) => api.containerImages.load({ file, ...at(runtime) }));
      session.print(`Loaded: ${name}`);
    });
  runtimeOption(images.command("save"))
    .description("Write an image to an archive")
    .argument("<image>", IMAGE)
    .argument("<file>")
    .action(async (text: string, name: string, options: At) => {
      const { image, runtime } = imageOf(text, options);
      const file = path.resolve(name);
      await session.operate((api) => api.containerImages.save({ reference: image, file, ...at(runtime) }));
      session.print(`Saved: ${image} to ${name}`);
    });
}

type BuildOptions = At & {
  tag?: string[];
  file?: string;
  buildArg?: string[];
  target?: string;
  cache: boolean;
  pull?: boolean;
};

function addBuild(program: Command, session: Session): void {
  runtimeOption(program.command("build"))
    .description("Build an image of a container from a Containerfile or Dockerfile")
    .argument("[directory]", "what the file may copy from", ".")
    .option("-t, --tag <image>", "what it is called; may be given several times", repeated)
    .option("-f, --file <file>", "the build file, in that directory")
    .option("--build-arg <name=value>", "an argument; NAME alone takes the value that it has here", repeated)
    .option("--target <stage>", "the stage to stop at")
    .option("--no-cache", "do every step anew")
    .option("--pull", "ask for newer images to stand on")
    .action(async (directory: string, options: BuildOptions) => {
      const { tag = [], file, buildArg, target, cache, pull, runtime } = options;
      const client = await session.client();
      const whole = path.resolve(directory);
      const open = {
        ...{ directory: whole, tags: tag, noCache: !cache },
        // As it is written here, not as it would be read there.
        ...(file === undefined ? {} : { file: path.relative(whole, path.resolve(file)) }),
        ...(buildArg === undefined ? {} : { arguments: parseEnv(buildArg, process.env) }),
        ...(target === undefined ? {} : { target }),
        ...(pull ? { pull } : {}),
        ...at(runtime),
      };
      const build = await client.build(open, { signal: session.signal });
      await showOutput(session, build, "build the image");
    });
}

/** A prefix says where, as with launch. Throws where that and the option differ. */
export function imageOf(
  text: string,
  { runtime }: At,
): { image: string; runtime?: ContainerRuntime | undefined } {
  const named = containerReference(text);
  if (!named) return { image: text, runtime };
  if (runtime && named.runtime && runtime !== named.runtime)
    throw new EngineError("invalid-argument", `${text} is not of ${runtime}`, {
      hint: "Leave --runtime out.",
    });
  return { image: named.image, runtime: named.runtime ?? runtime };
}

export function at(runtime: ContainerRuntime | undefined): At {
  return runtime === undefined ? {} : { runtime };
}

/** The id that begins so, where it is the only one; a name is left as it is. Pure. */
export function wholeId(
  items: readonly Pick<StoredContainerImage, "id">[],
  wanted: string,
): string | undefined {
  const start = wanted.replace(/^sha256:/, "");
  if (!/^[0-9a-f]{4,64}$/.test(start)) return undefined;
  const fitting = new Set(items.map(({ id }) => id).filter((id) => id.startsWith(`sha256:${start}`)));
  return fitting.size === 1 ? [...fitting][0] : undefined;
}
