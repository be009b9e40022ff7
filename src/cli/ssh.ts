/** How other programs get into a guest. */
import { homedir } from "node:os";
import type { Command } from "commander";
import type { Instance } from "../api/instance.ts";
import { EngineError } from "../base/errors.ts";
import { currentPaths, hostPlatform } from "../base/paths.ts";
import type { Session } from "./session.ts";

export function addSshCommands(program: Command, session: Session): void {
  addProxy(program, session);
  program
    .command("ssh-command")
    .description("Print the OpenSSH command that enters an instance")
    .argument("<name>", "the instance")
    .action(async (name: string) => {
      const { api } = await session.client();
      const instance = await api.instances.get({ name });
      if (!instance.ssh) throw withoutSsh(instance);
      const { ssh } = instance;
      const { sshCommand } = await import("../client/ssh-command.ts");
      session.print(sshCommand(ssh, hostPlatform()));
    });

  program
    .command("ssh-config")
    .description("Print OpenSSH configuration for running instances, or put all of them into yours")
    .argument("[names...]", "these instances; all that run when none is named")
    .option(
      "--install",
      "have `ssh NAME.berth` work: include Berth's hosts at the top of your own configuration",
    )
    .option("--remove", "take that out again, exactly")
    .option("--file <file>", "your configuration, where it is not ~/.ssh/config")
    .addHelpText(
      "after",
      "\nExample: berth ssh-config --install, then: ssh web.berth, scp, rsync, Remote-SSH",
    )
    .action(async (names: string[], options: ConfigOptions) => {
      if (options.install || options.remove) return changeConfig(session, names, options);
      const { api } = await session.client();
      const { sshConfig } = await import("../client/ssh-config.ts");
      const instances =
        names.length > 0
          ? await Promise.all(names.map((name) => api.instances.get({ name })))
          : (await api.instances.list()).items;
      const stopped = names.length > 0 ? instances.find((one) => !one.ssh) : undefined;
      if (stopped) throw withoutSsh(stopped);
      session.print(sshConfig(instances));
    });
}

type ConfigOptions = { install?: boolean; remove?: boolean; file?: string };

async function changeConfig(session: Session, names: string[], options: ConfigOptions): Promise<void> {
  if (names.length > 0 || (options.install && options.remove)) {
    throw new EngineError(
      "invalid-argument",
      "cannot change the SSH configuration: give --install or --remove, and no names",
      {
        hint: "All instances are hosts then.",
      },
    );
  }
  const platform = hostPlatform();
  const { ssh: files } = currentPaths();
  const { userConfigFile } = await import("../client/remote/user-file.ts");
  const userConfig = userConfigFile(homedir(), platform, options.file);
  const shim = { execPath: process.execPath, cli: __filename, env: process.env };
  const setup = { files, userConfig, shim, platform, signal: session.signal };
  const { install, planSetup, remove } = await import("../client/remote/setup.ts");
  if (options.remove) {
    session.print((await remove(setup)) ? `Taken out of ${userConfig}` : `Not in ${userConfig}`);
    return;
  }
  const plan = await planSetup(setup);
  const how = await install(setup, plan);
  session.print(plan.changes ? `Put at the top of ${userConfig}` : `${userConfig} has it already`);
  if (how === "inline") session.print("This ssh honours no Include: run it again after new launches.");
  await session.client(); // It writes the hosts.
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

function withoutSsh({ name, container }: Pick<Instance, "name" | "container">): EngineError {
  if (container) {
    const reason = `instance "${name}" is a container: it has no port for SSH`;
    const hint =
      container.shape === "machine"
        ? `Put all instances into your configuration: berth ssh-config --install; then ssh ${name}.berth`
        : `Enter it: berth shell ${name}`;
    return new EngineError("not-supported", reason, { hint });
  }
  return new EngineError("wrong-state", `instance "${name}" is not running`, {
    hint: `Start it: berth start ${name}`,
  });
}
