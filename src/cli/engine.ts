/** The engine itself, its settings, operations and logs; version. */
import type { Command } from "commander";
import { Option } from "commander";
import manifest from "../../package.json" with { type: "json" };
import type { Settings } from "../api/engine-info.ts";
import { EngineError } from "../base/errors.ts";
import { hostPlatform } from "../base/paths.ts";
import { formatBytes } from "../base/units.ts";
import { type Format, formatOperations, json, table } from "./format.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";

type LogSource = "serial" | "cloud-init" | "driver";

export function addEngineCommands(program: Command, session: Session): void {
  program
    .command("log")
    .summary("Show the end of an instance's log")
    .argument("<name>")
    .addOption(
      new Option("--source <source>", "which log")
        .choices(["serial", "cloud-init", "driver"])
        .default("serial"),
    )
    .action(async (name: string, { source }: { source: LogSource }) => {
      const { api } = await session.client();
      session.print((await api.instances.log({ name, source })).text);
    });

  program
    .command("ssh-command")
    .summary("Print the OpenSSH command that enters an instance")
    .argument("<name>")
    .action(async (name: string) => {
      const { api } = await session.client();
      const { ssh } = await api.instances.get({ name });
      if (!ssh) {
        throw new EngineError("wrong-state", `instance "${name}" is not running`, {
          hint: `Start it: berth start ${name}`,
        });
      }
      const { sshCommand } = await import("../client/ssh-command.ts");
      session.print(sshCommand(ssh, hostPlatform()));
    });

  addOperationCommands(program, session);
  addSettingCommands(program, session);
  addEngineProcessCommands(program, session);

  formatOption(program.command("version").summary("Show version details")).action(
    async (options: { format: Format }) => {
      const { version } = manifest;
      session.print(options.format === "json" ? json({ berth: version }) : `berth   ${version}`);
    },
  );
}

function addOperationCommands(program: Command, session: Session): void {
  const operations = program.command("operations").summary("Show what runs and what has run");
  formatOption(operations.command("list", { isDefault: true }).summary("List operations")).action(
    async (options: { format: Format }) => {
      const { api } = await session.client();
      session.print(formatOperations((await api.operations.list()).items, options.format));
    },
  );
  operations
    .command("cancel")
    .summary("Cancel an operation; what it made is undone")
    .argument("<id>")
    .action(async (id: string) => {
      const { api } = await session.client();
      await api.operations.cancel({ id });
    });
}

function addSettingCommands(program: Command, session: Session): void {
  program
    .command("get")
    .summary("Get a setting, or all")
    .argument("[key]")
    .action(async (key: string | undefined) => {
      const { api } = await session.client();
      const settings = await api.settings.get();
      if (key === undefined) {
        session.print(
          table(
            ["Key", "Value"],
            Object.entries(settings).map(([name, value]) => [name, String(value)]),
          ),
        );
      } else session.print(String(settings[known(settings, key)]));
    });
  program
    .command("set")
    .summary("Set a setting")
    .argument("<key=value>")
    .action(async (text: string) => {
      const { api } = await session.client();
      const settings = await api.settings.get();
      const key = known(settings, text.split("=", 1)[0] ?? "");
      if (!text.includes("=")) {
        throw new EngineError("invalid-argument", `cannot set ${key}: no value is given`, {
          hint: `berth set ${key}=VALUE`,
        });
      }
      const value = text.slice(text.indexOf("=") + 1);
      await api.settings.set({ [key]: typeof settings[key] === "number" ? Number(value) : value });
    });
}

function known(settings: Settings, key: string): keyof Settings {
  if (Object.hasOwn(settings, key)) return key as keyof Settings;
  throw new EngineError("invalid-argument", `Unrecognized settings key: '${key}'`, {
    hint: `Known keys: ${Object.keys(settings).join(", ")}`,
  });
}

function addEngineProcessCommands(program: Command, session: Session): void {
  const engine = program.command("engine").summary("The engine that runs instances");
  formatOption(
    engine.command("info", { isDefault: true }).summary("Show the engine, its host and its drivers"),
  ).action(async (options: { format: Format }) => {
    const { api } = await session.client();
    const info = await api.engine.info();
    if (options.format === "json") return session.print(json(info));
    const { host, drivers } = info;
    const rows = [
      ["Version", `${info.version} (protocol ${info.protocol})`],
      ["Process", String(info.pid)],
      ["Data", info.dataDirectory],
      ["Log", info.logFile],
      [
        "Host",
        `${host.cpus} CPUs, ${formatBytes(host.memoryBytes)} memory, ${formatBytes(host.freeDiskBytes)} free`,
      ],
      ...drivers.map((one) => [
        "Driver",
        one.available
          ? `${one.name} ${one.version ?? ""}, ${one.accelerator ?? ""}`
          : `${one.name}: not available`,
      ]),
    ];
    session.print(rows.map(([key = "", value]) => `${`${key}:`.padEnd(12)}${value}`).join("\n"));
    for (const problem of [...info.problems, ...drivers.flatMap((one) => one.problems)]) {
      session.print(
        `${`${problem.severity}:`.padEnd(12)}${problem.message}${problem.hint ? `\n${"".padEnd(12)}${problem.hint}` : ""}`,
      );
    }
  });
  engine
    .command("drain")
    .summary("Let it finish what runs, then leave; instances go on running")
    .action(async () => {
      const { api } = await session.client();
      await api.engine.drain();
    });
}
