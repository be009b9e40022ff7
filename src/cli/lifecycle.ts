/** rename. */
import type { Command } from "commander";
import type { Session } from "./session.ts";

export function addLifecycleCommands(program: Command, session: Session): void {
  program
    .command("rename")
    .description("Give an instance another name")
    .argument("<name>", "the instance")
    .argument("<new-name>", "what it shall be called; its guest's hostname follows")
    .action(async (name: string, to: string) => {
      await session.operate((api) => api.instances.rename({ name, to }));
      session.print(`Renamed: ${name} to ${to}`);
    });
}
