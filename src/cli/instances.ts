/** launch, list, info, and the verbs that change an instance's power or existence. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import type { LaunchSpec } from "../api/instance.ts";
import { PRIMARY_NAME } from "../api/names.ts";
import type { Operation } from "../api/operation.ts";
import { withDeadline } from "../base/async.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { parseSize } from "../base/units.ts";
import type { EngineApi } from "../client/engine-client.ts";
import { type Format, formatInfo, formatList } from "./format.ts";
import { formatOption, wholeNumber } from "./options.ts";
import { forEach, type Session } from "./session.ts";

const MAX_USER_DATA_BYTES = 2 ** 20;
const FETCH_MS = 60_000;

type LaunchOptions = {
  name?: string;
  cpus?: number;
  memory?: string;
  disk?: string;
  cloudInit?: string;
  timeout?: number;
};

export function addInstanceCommands(program: Command, session: Session): void {
  program
    .command("launch")
    .summary("Create and start an instance")
    .argument(
      "[image]",
      "what to launch: 24.04, noble, lts, debian, release:24.04, file:///…, https://…",
      "default",
    )
    .option("-n, --name <name>", "name of the instance; generated when left out")
    .option("-c, --cpus <cpus>", "number of CPUs", wholeNumber("CPUs"))
    .option("-m, --memory <size>", "memory, such as 1G or 512M")
    .option("-d, --disk <size>", "disk, such as 5G")
    .option("--cloud-init <file>", "cloud-init user-data: a file, a URL, or - for standard input")
    .option("--timeout <seconds>", "how long to wait until the instance is ready", wholeNumber("seconds"))
    .action(async (image: string, options: LaunchOptions) => launch(session, image, options));

  formatOption(program.command("list").alias("ls").summary("List all instances")).action(
    async (options: { format: Format }) => {
      const { api } = await session.client();
      const { items } = await api.instances.list();
      session.print(formatList(sorted(items), options.format));
    },
  );

  formatOption(program.command("info").summary("Show facts about instances").argument("[names...]")).action(
    async (names: string[], options: { format: Format }) => info(session, names, options.format),
  );

  addPowerCommands(program, session);
}

function sorted<T extends { name: string }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => a.name.localeCompare(b.name));
}

async function launch(session: Session, image: string, options: LaunchOptions): Promise<void> {
  const spec: LaunchSpec = {
    image,
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.cpus === undefined ? {} : { cpus: options.cpus }),
    ...(options.memory === undefined ? {} : { memoryBytes: parseSize(options.memory, "memory") }),
    ...(options.disk === undefined ? {} : { diskBytes: parseSize(options.disk, "disk") }),
    ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout * 1000 }),
    ...(options.cloudInit === undefined ? {} : { userData: await readUserData(session, options.cloudInit) }),
  };
  const { api } = await session.client();
  const operation = await api.instances.launch(spec);
  await session.follow(operation);
  session.print(`Launched: ${operation.target}`);
}

/** A file, a URL or standard input, at most 1 MiB. */
async function readUserData(session: Session, from: string): Promise<string> {
  const refuse = (reason: string, cause?: unknown) =>
    new EngineError("invalid-argument", `cannot read cloud-init user-data from ${from}: ${reason}`, {
      hint: "Name a file, an http(s) URL, or - for standard input.",
      cause,
    });
  let text: string;
  try {
    if (from === "-") text = await textOf(session.io.stdin);
    else if (/^https?:\/\//.test(from)) text = await fetched(from, session.signal);
    else text = await readFile(from, "utf8");
  } catch (error) {
    throw refuse(messageOf(error), error);
  }
  if (Buffer.byteLength(text) > MAX_USER_DATA_BYTES) throw refuse("it is larger than 1 MiB");
  return text;
}

async function fetched(url: string, parent: AbortSignal): Promise<string> {
  const { signal, done } = withDeadline(FETCH_MS, parent);
  try {
    const response = await fetch(url, { signal });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    return await response.text();
  } finally {
    done();
  }
}

async function textOf(stream: AsyncIterable<Buffer | string>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    chunks.push(Buffer.from(chunk));
    bytes += chunk.length;
    if (bytes > MAX_USER_DATA_BYTES) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function info(session: Session, names: string[], format: Format): Promise<void> {
  const { api } = await session.client();
  const wanted =
    names.length > 0 ? names : sorted((await api.instances.list()).items).map((item) => item.name);
  const items = await Promise.all(
    wanted.map(async (name) => ({
      instance: await api.instances.get({ name }),
      details: await api.instances.details({ name }),
    })),
  );
  session.print(
    items.length === 0 && format === "table" ? "No instances found.\n" : formatInfo(items, format),
  );
}

type Selection = { all?: boolean };

function addPowerCommands(program: Command, session: Session): void {
  const onRunning = (state: string) => state === "running" || state === "starting" || state === "stopping";
  const notDeleted = (state: string) => state !== "deleted";
  const deleted = (state: string) => state === "deleted";
  const several = (name: string, summary: string, all: string) =>
    program.command(name).summary(summary).argument("[names...]").option("--all", all);

  several("start", "Start instances", "start all instances").action(
    async (names: string[], { all }: Selection) =>
      apply(session, await select(session, names, all, notDeleted), (api, name) =>
        api.instances.start({ name }),
      ),
  );
  several("stop", "Stop running instances", "stop all running instances")
    .option("--force", "pull the plug; unsaved data in the guest is lost")
    .action(async (names: string[], { all, force }: Selection & { force?: boolean }) =>
      apply(session, await select(session, names, all, onRunning), (api, name) =>
        api.instances.stop({ name, force: force ?? false }),
      ),
    );
  several("restart", "Restart instances", "restart all running instances").action(
    async (names: string[], { all }: Selection) =>
      apply(session, await select(session, names, all, onRunning), (api, name) =>
        api.instances.restart({ name }),
      ),
  );
  several("delete", "Delete instances (to the trash)", "delete all instances")
    .option("-p, --purge", "remove them for good, at once")
    .action(async (names: string[], { all, purge }: Selection & { purge?: boolean }) =>
      apply(session, await select(session, names, all, notDeleted, true), (api, name) =>
        api.instances.delete({ name, purge: purge ?? false }),
      ),
    );
  several("recover", "Recover deleted instances", "recover all deleted instances").action(
    async (names: string[], { all }: Selection) =>
      apply(session, await select(session, names, all, deleted, true), (api, name) =>
        api.instances.recover({ name }),
      ),
  );
  program
    .command("purge")
    .summary("Remove all deleted instances for good")
    .action(async () =>
      apply(session, await select(session, [], true, deleted, true), (api, name) =>
        api.instances.purge({ name }),
      ),
    );
}

/** The names given, or those of all instances in a fitting state; without either the primary, where that is meant. */
async function select(
  session: Session,
  names: readonly string[],
  all: boolean | undefined,
  fits: (state: string) => boolean,
  named = false,
): Promise<string[]> {
  if (all) {
    if (names.length > 0) {
      throw new EngineError("invalid-argument", "Cannot specify names when --all option set");
    }
    const { api } = await session.client();
    return (await api.instances.list()).items.filter((item) => fits(item.state)).map((item) => item.name);
  }
  if (names.length > 0) return [...new Set(names)];
  if (named) throw new EngineError("invalid-argument", "Name argument or --all is required");
  return [PRIMARY_NAME];
}

async function apply(
  session: Session,
  names: readonly string[],
  act: (api: EngineApi, name: string) => Promise<Operation>,
): Promise<void> {
  const { api } = await session.client();
  const quiet = names.length > 1;
  await forEach(names, async (name) => {
    await session.follow(await act(api, name), { quiet });
  });
}
