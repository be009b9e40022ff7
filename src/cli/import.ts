/** import: a VM of a file that export has written, or of a disk; an image of containers of a tar. The file says what it is. */
import path from "node:path";
import type { Command } from "commander";
import type { ContainerRuntime } from "../api/container.ts";
import type { NewDiskInstance } from "../api/move.ts";
import { VM_FILE_HEAD_BYTES, vmFileKind } from "../api/vm-file.ts";
import { EngineError } from "../base/errors.ts";
import { peek } from "../base/peek.ts";
import { parseSize } from "../base/units.ts";
import { readingOf, sendAll } from "../client/carry.ts";
import type { RemoteConnection } from "../client/engine-client.ts";
import { at, IMAGE, imageOf } from "./container-images.ts";
import { noTerminal, PIPE } from "./export.ts";
import { firstLine } from "./first-line.ts";
import { runtimeOption, wholeNumber } from "./options.ts";
import { askSecret } from "./question.ts";
import type { Session } from "./session.ts";

type Options = {
  name?: string;
  passphraseFile?: string;
  disk?: boolean;
  raw?: boolean;
  user?: string;
  cpus?: number;
  memory?: string;
  size?: string;
  encrypted?: boolean;
  runtime?: ContainerRuntime;
};

export function addImportCommand(program: Command, session: Session): void {
  runtimeOption(program.command("import"))
    .description("Make a VM of a file that export has written, or an image of a container of a tar")
    .argument("<file>", "- for standard input")
    .argument("[image]", `of a container's file system, perhaps in gzip, what it is called: ${IMAGE}`)
    .option("--name <name>", "of a VM, what it shall be called; left out, what it was called")
    .option("--passphrase-file <file>", "take what opens the file from the first line of this one")
    .option("--disk", "the file is a disk alone, qcow2 or raw, such as Multipass has; it is copied")
    .option("--raw", "of a disk: it is raw, whatever it holds")
    .option("--user <user>", "of a disk: who is logged in as; ubuntu when left out")
    .option("--cpus <count>", "of a disk", wholeNumber("CPUs"))
    .option("--memory <size>", "of a disk")
    .option("--size <size>", "of a disk: enlarge it to that")
    .option("--encrypted", "of a disk: encrypt the VM's")
    .action((file: string, image: string | undefined, options: Options) =>
      options.disk ? importDisk(session, file, options) : importFile(session, file, image, options),
    );
}

async function importDisk(session: Session, file: string, options: Options): Promise<void> {
  const { name, raw, user, cpus, memory, size, encrypted } = options;
  if (name === undefined)
    throw new EngineError("invalid-argument", `cannot import ${file}: a disk says nothing of its VM's name`, {
      hint: "Give it: --name NAME",
    });
  const wanted: NewDiskInstance = {
    ...{ name, source: path.resolve(file) },
    ...(raw ? { raw } : {}),
    ...(user === undefined ? {} : { user }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(memory === undefined ? {} : { memoryBytes: parseSize(memory) }),
    ...(size === undefined ? {} : { diskBytes: parseSize(size) }),
    ...(encrypted ? { encrypted } : {}),
  };
  await session.operate((api) => api.instances.importDisk(wanted));
  session.print(`Imported: ${name}`);
}

async function importFile(
  session: Session,
  file: string,
  image: string | undefined,
  options: Options,
): Promise<void> {
  const source = file === PIPE ? inputOf(session, image ?? "a VM") : await readingOf(file);
  const { head, all } = await peek(source, VM_FILE_HEAD_BYTES);
  const kind = vmFileKind(head);
  if (kind === undefined) return importImage(session, all, file, image, options);
  if (image !== undefined)
    throw new EngineError("invalid-argument", `cannot import ${file} as an image: it is a VM`, {
      hint: `Leave ${image} out, or say --name ${image}.`,
    });
  const passphrase = kind === "sealed" ? { passphrase: await passphraseOf(session, options) } : {};
  const { name: as } = options;
  const client = await session.client();
  const { signal } = session;
  const work = await client.importInstance(
    { ...(as === undefined ? {} : { as }), ...passphrase },
    { signal },
  );
  const said = await send(session, all, work, as ?? file);
  session.print(`Imported: ${(JSON.parse(said) as { name: string }).name}`);
}

async function importImage(
  session: Session,
  tar: AsyncIterable<Buffer>,
  file: string,
  text: string | undefined,
  options: Options,
): Promise<void> {
  if (text === undefined)
    throw new EngineError("invalid-argument", `cannot import ${file}: it is no VM that Berth has exported`, {
      hint: "Of a container's file system, say what its image shall be called; a disk alone is imported by --disk.",
    });
  const { runtime: asked } = options;
  const { image, runtime } = imageOf(text, asked === undefined ? {} : { runtime: asked });
  const client = await session.client();
  const open = { reference: image, ...at(runtime) };
  await send(session, tar, await client.import(open, { signal: session.signal }), image);
  session.print(`Imported: ${image}`);
}

async function send(
  session: Session,
  source: AsyncIterable<Buffer>,
  work: RemoteConnection,
  target: string,
): Promise<string> {
  const row = session.track(target);
  try {
    const told = (done: number) => row.show({ phase: "import", done });
    return await sendAll(source, work, { doing: `import ${target}`, told });
  } finally {
    row.end();
  }
}

function passphraseOf(session: Session, { passphraseFile }: Options): Promise<string> {
  if (passphraseFile === undefined) return askSecret(session, "Please enter the file's passphrase: ");
  return firstLine(session, passphraseFile, "a passphrase");
}

function inputOf({ io: { stdin } }: Session, target: string): AsyncIterable<Buffer> {
  if (!stdin.isTTY) return stdin as AsyncIterable<Buffer>;
  throw noTerminal(`import ${target} from a terminal`, "Name a file, or pipe one into it.");
}
