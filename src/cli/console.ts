/** console: an instance's serial console on this terminal, or between pipes. */
import { type Command, Option } from "commander";
import type { Instance } from "../api/instance.ts";
import { deferred } from "../base/async.ts";
import { EngineError } from "../base/errors.ts";
import { consoleEnd } from "../client/console-text.ts";
import type { RemoteConnection } from "../client/engine-client.ts";
import { untilLeft } from "./console-keys.ts";
import type { Session } from "./session.ts";

const INTERRUPTED_EXIT = 130;
const TERMINATED_EXIT = 143;

/**
 * What a guest may have left behind on a terminal: attributes, margins, a hidden cursor, another set of characters,
 * reports of the mouse, keys sent in another way.
 */
const RESET = "\x1b[!p\x1b(B\x0f\x1b[?1000;1002;1003;1006;2004l\x1b[<u\x1b[>4m\x1b[?25h";

export function addConsoleCommand(program: Command, session: Session): void {
  program
    .command("console")
    .description("Open the serial console of an instance, from its boot on")
    .argument("<name>", "the instance; one that is starting is waited for")
    .addOption(new Option("--no-history", "without what it has printed before"))
    .addHelpText(
      "after",
      "\nCtrl-] leaves. Between pipes it goes on until the guest stops, or until it is told to end.",
    )
    .action(async (name: string, { history }: { history: boolean }) => {
      const client = await session.client();
      const open = history ? {} : { historyBytes: 0 };
      const console = await client.console(name, open, { signal: session.signal });
      if (session.io.stdin.isTTY) session.note(`Connected to the console of ${name}. Ctrl-] leaves.`);
      const how = await attach(session, console);
      if (how === "left") return;
      session.note(consoleEnd(name, await find(session, name)).words);
    });
}

/** Resolves when the guest's run has ended, or when the user has left. */
async function attach(session: Session, console: RemoteConnection): Promise<"ended" | "left"> {
  const { stdin, stdout } = session.io;
  const left = deferred<"left">();
  const leave = (exitCode: number) => {
    session.exitCode = exitCode;
    left.resolve("left");
  };
  const terminate = () => leave(TERMINATED_EXIT);
  const release = session.takeInterrupts(() => leave(INTERRUPTED_EXIT));
  process.on("SIGTERM", terminate);
  console.stdin.on("error", () => {}); // The guest's end tells.
  console.stdout.pipe(stdout, { end: false });
  const letGo = type(session, console, () => leave(0));
  try {
    return await Promise.race([console.exited.then(() => "ended" as const), left.promise]);
  } finally {
    process.off("SIGTERM", terminate);
    release();
    letGo();
    console.stdout.unpipe(stdout);
    console.exited.catch(() => {}); // It has been left.
    console.close();
    if (stdin.isTTY && stdout.isTTY) stdout.write(`${RESET}\r\n`);
  }
}

/** Sends what is typed; returns what gives the keyboard back. */
function type({ io: { stdin } }: Session, console: RemoteConnection, leave: () => void): () => void {
  if (!stdin.isTTY) {
    stdin.pipe(console.stdin);
    return () => void stdin.unpipe(console.stdin).pause();
  }
  const onData = (chunk: Buffer) => {
    const { typed, leaves } = untilLeft(chunk);
    if (typed.length > 0) console.stdin.write(typed, leaves ? leave : undefined);
    else if (leaves) leave();
  };
  stdin.setRawMode(true);
  stdin.on("data", onData);
  return () => {
    stdin.off("data", onData).pause();
    stdin.setRawMode(false);
  };
}

/** Undefined where it is no more. */
async function find(session: Session, name: string): Promise<Instance | undefined> {
  const { api } = await session.client();
  return api.instances.get({ name }).catch((error: unknown) => {
    if (error instanceof EngineError && error.code === "not-found") return undefined;
    throw error;
  });
}
