/** How other programs get into a guest. */
import type { Command } from "commander";
import { EngineError } from "../base/errors.ts";
import { hostPlatform } from "../base/paths.ts";
import type { Session } from "./session.ts";

export function addSshCommands(program: Command, session: Session): void {
  addProxy(program, session);
  program
    .command("ssh-command")
    .description("Print the OpenSSH command that enters an instance")
    .argument("<name>", "the instance")
    .action(async (name: string) => {
      const { api } = await session.client();
      const { ssh } = await api.instances.get({ name });
      if (!ssh) throw notRunning(name);
      const { sshCommand } = await import("../client/ssh-command.ts");
      session.print(sshCommand(ssh, hostPlatform()));
    });

  program
    .command("ssh-config")
    .description("Print OpenSSH configuration for running instances")
    .argument("[names...]", "these instances; all that run when none is named")
    .addHelpText(
      "after",
      "\nExample: berth ssh-config > ~/.ssh/berth.conf, and in ~/.ssh/config: Include berth.conf",
    )
    .action(async (names: string[]) => {
      const { api } = await session.client();
      const { sshConfig } = await import("../client/ssh-config.ts");
      const instances =
        names.length > 0
          ? await Promise.all(names.map((name) => api.instances.get({ name })))
          : (await api.instances.list()).items;
      const stopped = names.length > 0 ? instances.find((one) => !one.ssh) : undefined;
      if (stopped) throw notRunning(stopped.name);
      session.print(sshConfig(instances));
    });
}

function addProxy(program: Command, session: Session): void {
  program
    .command("ssh-proxy")
    .description("Connect standard input and output with an instance's SSH server, for ssh's ProxyCommand")
    .argument("<name>", "the instance, or its alias such as web.berth; started where it is stopped")
    .action(async (name: string) => {
      const { proxy } = await import("./ssh-proxy.ts");
      await proxy(session, name);
    });
}

function notRunning(name: string): EngineError {
  return new EngineError("wrong-state", `instance "${name}" is not running`, {
    hint: `Start it: berth start ${name}`,
  });
}
