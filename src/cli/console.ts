/** console: an instance's serial console on this terminal, or between pipes. */
import { type Command, Option } from "commander";
import type { Instance } from "../api/instance.ts";
import { EngineError } from "../base/errors.ts";
import { consoleEnd } from "../client/console-text.ts";
import { join } from "./joined.ts";
import type { Session } from "./session.ts";

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
      const how = await join(session, console);
      if (how === "left") return;
      session.note(consoleEnd(name, await find(session, name)).words);
    });
}

/** Undefined where it is no more. */
async function find(session: Session, name: string): Promise<Instance | undefined> {
  const { api } = await session.client();
  return api.instances.get({ name }).catch((error: unknown) => {
    if (error instanceof EngineError && error.code === "not-found") return undefined;
    throw error;
  });
}
