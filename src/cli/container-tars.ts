/** export and import: the file system of a container as a tar, and a tar as an image. */
import { open } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { streamFileDurable } from "../base/durable.ts";
import { EngineError, messageOf, toEngineError } from "../base/errors.ts";
import type { RemoteConnection } from "../client/engine-client.ts";
import { type At, at, IMAGE, imageOf } from "./container-images.ts";
import { runtimeOption } from "./options.ts";
import type { Session } from "./session.ts";

/** In the place of a file: this process's own input or output. */
const PIPE = "-";

export function addExportCommand(program: Command, session: Session): void {
  program
    .command("export")
    .description("Write the file system of a container to a tar, whether it runs or not")
    .argument("<name>", "the instance")
    .argument("<file>", "the tar; - for standard output")
    .addHelpText(
      "after",
      "\nWhat is in volumes and mounts is no part of it. The file is there when it is whole.",
    )
    .action(async (name: string, file: string) => {
      const { stdout } = session.io;
      if (file === PIPE && stdout.isTTY) throw noTerminal(`export ${name} to a terminal`, "Name a file.");
      const client = await session.client();
      const { signal } = session;
      const tar = whole(session, name, await client.export(name, { signal }));
      try {
        if (file === PIPE) await pipeline(tar, stdout, { end: false, signal });
        else await streamFileDurable(path.resolve(file), tar, signal);
      } catch (error) {
        throw toEngineError(error, `export ${name}`);
      }
      if (file !== PIPE) session.print(`Exported: ${name} to ${file}`);
    });
}

export function addImportCommand(program: Command, session: Session): void {
  runtimeOption(program.command("import"))
    .description("Make an image of a container from a tar of a file system")
    .argument("<file>", "the tar, perhaps in gzip; - for standard input")
    .argument("<image>", `what it is called: ${IMAGE}`)
    .action(async (file: string, text: string, options: At) => {
      const { image, runtime } = imageOf(text, options);
      const tar = file === PIPE ? inputOf(session, image) : await readingOf(file, image);
      const client = await session.client();
      const { signal } = session;
      await send(session, tar, image, await client.import({ reference: image, ...at(runtime) }, { signal }));
      session.print(`Imported: ${image}`);
    });
}

/** Fails where it has not come to its end, so that a part of it is never taken for all. */
async function* whole(session: Session, name: string, work: RemoteConnection): AsyncGenerator<Buffer> {
  const row = session.track(name);
  let done = 0;
  work.stdin.end();
  try {
    for await (const chunk of work.stdout as AsyncIterable<Buffer>) {
      done += chunk.length;
      row.show({ phase: "export", done });
      yield chunk;
    }
    await work.exited;
  } finally {
    row.end();
    work.exited.catch(() => {}); // It may have been left.
    work.close();
  }
}

/** Resolves when the image is there. */
async function send(session: Session, tar: Readable, image: string, work: RemoteConnection): Promise<void> {
  const row = session.track(image);
  let done = 0;
  let unread: unknown;
  tar.on("data", (chunk: Buffer) => {
    done += chunk.length;
    row.show({ phase: "import", done });
  });
  work.stdout.resume();
  // Its end is told by the engine, unless it is this side that could not go on.
  const sent = pipeline(tar, work.stdin).catch((error: unknown) => {
    unread = error;
    work.close();
  });
  try {
    await work.exited;
  } catch (error) {
    throw unread === undefined ? error : toEngineError(unread, `import ${image}`);
  } finally {
    work.close();
    await sent;
    row.end();
  }
}

function inputOf({ io: { stdin } }: Session, image: string): Readable {
  if (!stdin.isTTY) return stdin;
  throw noTerminal(`import ${image} from a terminal`, "Name a file, or pipe a tar into it.");
}

/** What cannot be read is told before anything is sent. */
async function readingOf(file: string, image: string): Promise<Readable> {
  try {
    return (await open(file)).createReadStream();
  } catch (error) {
    throw new EngineError("not-found", `cannot import ${image}: ${messageOf(error)}`, { cause: error });
  }
}

function noTerminal(doing: string, hint: string): EngineError {
  return new EngineError("invalid-argument", `cannot ${doing}`, { hint });
}
