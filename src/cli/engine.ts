/** The engine itself, its operations and logs; version. */
import type { Command } from "commander";
import { Option } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { abortable, withDeadline } from "../base/async.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { currentPaths } from "../base/paths.ts";
import { withoutControls } from "../base/plain-text.ts";
import { type Format, formatEngine, formatOperations, json } from "./format.ts";
import { type AnyFormat, FORMATS } from "./formats.ts";
import { formatOption, wholeNumber } from "./options.ts";
import type { Session } from "./session.ts";

type LogSource = "serial" | "cloud-init" | "driver";

const LOG_LINES = 100;

export function addEngineCommands(program: Command, session: Session): void {
  program
    .command("log")
    .description("Show the end of an instance's log")
    .argument("<name>", "the instance")
    .addOption(
      new Option("--source <source>", "which log: the guest's console, its set-up, or the hypervisor's words")
        .choices(["serial", "cloud-init", "driver"])
        .default("serial"),
    )
    .action(async (name: string, { source }: { source: LogSource }) => {
      const { api } = await session.client();
      session.print(withoutControls((await api.instances.log({ name, source })).text));
    });

  addOperationCommands(program, session);
  addEngineProcessCommands(program, session);

  program
    .command("wait-ready")
    .description("Start the engine where it does not run, and wait until it answers")
    .addOption(new Option("--timeout <seconds>", "how long to wait").argParser(wholeNumber("seconds")))
    .action(async ({ timeout }: { timeout?: number }) => waitReady(session, timeout));

  formatOption(program.command("version").description("Show version details"), FORMATS).action(
    async (options: { format: AnyFormat }) => {
      const engine = await engineVersion(session);
      session.print(session.formats.version(manifest.version, engine, options.format));
    },
  );
}

async function waitReady(session: Session, seconds: number | undefined): Promise<void> {
  if (seconds === undefined) {
    await session.client();
    return;
  }
  const { signal, done } = withDeadline(seconds * 1000, session.signal);
  try {
    await abortable((await session.client()).api.engine.hello(), signal);
  } catch (error) {
    if (!signal.aborted || session.signal.aborted) throw error;
    throw new EngineError("timed-out", `cannot wait any longer: the engine was not ready in ${seconds} s`, {
      hint: "berth doctor looks for the reason.",
    });
  } finally {
    done();
  }
}

/** Of the engine that runs. What keeps it from answering is a warning: this command's own version is known anyway. */
async function engineVersion(session: Session): Promise<string | undefined> {
  try {
    return (await (await session.runningClient())?.api.engine.hello())?.version;
  } catch (error) {
    session.note(`warning: ${messageOf(error)}`);
    return undefined;
  }
}

function addOperationCommands(program: Command, session: Session): void {
  const operations = program
    .command("operations")
    .description("Show what runs and what has run, or cancel it");
  formatOption(operations.command("list", { isDefault: true }).description("List operations")).action(
    async (options: { format: Format }) => {
      const { api } = await session.client();
      session.print(formatOperations((await api.operations.list()).items, options.format));
    },
  );
  operations
    .command("cancel")
    .description("Cancel an operation; what it made is undone")
    .argument("<id>", "its id, or the beginning of it")
    .action(async (wanted: string) => {
      const { api } = await session.client();
      const fitting = (await api.operations.list()).items.filter(({ id }) => id.startsWith(wanted));
      const [only] = fitting;
      if (!only || fitting.length > 1) {
        const reason = only ? "it fits several operations" : "there is no such operation";
        throw new EngineError("not-found", `cannot cancel ${wanted}: ${reason}`, {
          hint: "`berth operations` shows them.",
        });
      }
      await api.operations.cancel({ id: only.id });
    });
}

function addEngineProcessCommands(program: Command, session: Session): void {
  const engine = program.command("engine").description("Show the engine, its log, or let it leave");
  formatOption(
    engine
      .command("info", { isDefault: true })
      .description("Show the engine, its host and its drivers; starts it where none runs"),
  ).action(async (options: { format: Format }) => {
    const { api } = await session.client();
    const info = await api.engine.info();
    session.print(options.format === "json" ? json(info) : formatEngine(info));
  });
  engine
    .command("socket")
    .description("Show where it listens; starts it where none runs")
    .action(async () => {
      const { api } = await session.client();
      await api.engine.hello();
      session.print(currentPaths().endpoint.path);
    });
  engine
    .command("drain")
    .description("Let it finish what runs, then leave; instances go on running")
    .action(async () => {
      const running = await session.runningClient();
      if (running) await running.api.engine.drain();
      else session.note("No engine runs.");
    });
  engine
    .command("log")
    .description("Show the end of the engine's log, one JSON object per line")
    .option("-n, --lines <count>", "how many lines", wholeNumber("lines"), LOG_LINES)
    .action(async ({ lines }: { lines: number }) => {
      const { tail } = await import("./tail.ts");
      session.print(withoutControls(await tail(currentPaths().log, lines)));
    });
}
