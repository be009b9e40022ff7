/** rename and clone. */
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

  program
    .command("clone")
    .description("Clone an instance")
    .argument("<source>", "the instance to clone; it must be stopped")
    .option("-n, --name <name>", "name of the clone (default: <source>-cloneN)")
    .action(async (source: string, options: { name?: string }) => {
      const as = options.name === undefined ? {} : { as: options.name };
      const { target } = await session.operate((api) => api.instances.clone({ name: source, ...as }));
      session.print(`Cloned from ${source} to ${target}.`);
    });
}
