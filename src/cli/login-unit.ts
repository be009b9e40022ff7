/** A file that starts the engine when the user logs in, for each platform. Pure. */
import path from "node:path";

/** Stands in every file of ours, so that no other program's is touched. */
export const UNIT_MARK = "berth-autostart";

export type LoginUnit = {
  /** Where it goes. */
  file: string;
  text: string;
  /** What makes it count from now on, and no longer; the file alone does from the next login on. */
  enable: string[][];
  disable: string[][];
  /** What else the user may want to do. */
  hint?: string;
};

export type UnitInputs = {
  platform: NodeJS.Platform;
  env: Readonly<Record<string, string | undefined>>;
  home: string;
  /** The Node, or an editor that runs as Node when told to, and the engine's bundle. */
  execPath: string;
  engine: string;
};

const LABEL = "dev.berth.engine";

export function loginUnit(inputs: UnitInputs): LoginUnit {
  if (inputs.platform === "win32") return startupScript(inputs);
  return inputs.platform === "darwin" ? launchAgent(inputs) : systemdUnit(inputs);
}

/** What the engine must know to use the same files as the command does. */
function environment({ env }: UnitInputs): [string, string][] {
  const kept = ["BERTH_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"].flatMap((name): [string, string][] => {
    const value = env[name];
    return value ? [[name, value]] : [];
  });
  return [["ELECTRON_RUN_AS_NODE", "1"], ...kept];
}

/** `KillMode=process`: the instances outlive the engine, which leaves when it is idle. */
function systemdUnit(inputs: UnitInputs): LoginUnit {
  const { env, home, execPath, engine } = inputs;
  const config = env["XDG_CONFIG_HOME"] || path.posix.join(home, ".config");
  const quoted = (text: string) =>
    `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%").replaceAll("$", "$$$$")}"`;
  const assigned = (text: string) => quoted(text).replaceAll("$$", "$");
  const text = [
    `# ${UNIT_MARK}`,
    "[Unit]",
    "Description=Berth's engine: starts the instances that shall start by themselves",
    "",
    "[Service]",
    "Type=exec",
    ...environment(inputs).map(([name, value]) => `Environment=${assigned(`${name}=${value}`)}`),
    `ExecStart=${quoted(execPath)} ${quoted(engine)}`,
    "KillMode=process",
    "",
    "[Install]",
    "WantedBy=default.target",
    "",
  ].join("\n");
  return {
    file: path.posix.join(config, "systemd", "user", "berth.service"),
    text,
    enable: [
      ["systemctl", "--user", "daemon-reload"],
      ["systemctl", "--user", "enable", "berth.service"],
    ],
    disable: [["systemctl", "--user", "disable", "berth.service"]],
    hint: "To start it at boot, before you log in, and to keep instances when you log out: loginctl enable-linger",
  };
}

/** `AbandonProcessGroup`: the instances outlive the engine. */
function launchAgent(inputs: UnitInputs): LoginUnit {
  const xml = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const file = path.posix.join(inputs.home, "Library", "LaunchAgents", `${LABEL}.plist`);
  const text = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    `<!-- ${UNIT_MARK} -->`,
    '<plist version="1.0">',
    "<dict>",
    `  <key>Label</key><string>${LABEL}</string>`,
    "  <key>ProgramArguments</key>",
    `  <array><string>${xml(inputs.execPath)}</string><string>${xml(inputs.engine)}</string></array>`,
    "  <key>EnvironmentVariables</key>",
    "  <dict>",
    ...environment(inputs).map(
      ([name, value]) => `    <key>${xml(name)}</key><string>${xml(value)}</string>`,
    ),
    "  </dict>",
    "  <key>RunAtLoad</key><true/>",
    "  <key>AbandonProcessGroup</key><true/>",
    "</dict>",
    "</plist>",
    "",
  ].join("\n");
  return { file, text, enable: [], disable: [] };
}

/** No window stays open: `start /b` gives the engine the script's hidden one and lets the script end. */
function startupScript(inputs: UnitInputs): LoginUnit {
  const roaming = inputs.env["APPDATA"] || path.win32.join(inputs.home, "AppData", "Roaming");
  const folder = path.win32.join(roaming, "Microsoft", "Windows", "Start Menu", "Programs", "Startup");
  const cmd = (text: string) => text.replaceAll("%", "%%");
  const text = [
    "@echo off",
    `rem ${UNIT_MARK}`,
    "setlocal",
    ...environment(inputs).map(([name, value]) => `set "${name}=${cmd(value)}"`),
    `start "" /b "${cmd(inputs.execPath)}" "${cmd(inputs.engine)}"`,
    "",
  ].join("\r\n");
  return { file: path.win32.join(folder, "berth.cmd"), text, enable: [], disable: [] };
}
