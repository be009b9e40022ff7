/** rename and clone. */
import type { Command } from "commander";
import type { Session } from "./session.ts";

type CloneOptions = { name?: string; encrypted?: boolean };

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

  const cloning = program
    .command("clone")
    .description("Clone an instance")
    .argument("<source>", "the instance to clone; it must be stopped")
    .option("-n, --name <name>", "name of the clone (default: <source>-cloneN)");
  if (session.dialect === "berth")
    cloning.option("--encrypted", "encrypt the clone; that of an encrypted instance is in any case");
  cloning.action(async (source: string, { name, encrypted = false }: CloneOptions) => {
    const as = name === undefined ? {} : { as: name };
    const { target } = await session.operate((api) =>
      api.instances.clone({ name: source, ...as, encrypted }),
    );
    session.print(`Cloned from ${source} to ${target}.`);
  });
}
