/**
 * What a user has set for their own clients, the command and the windows alike: a file beside the engine's data that
 * the engine never reads.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { NAME_PATTERN, PRIMARY_NAME } from "../api/names.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { currentPaths } from "../base/paths.ts";

export type UserSettings = {
  /** The instance that commands mean when none is named; empty where none is meant. */
  "client.primary-name": string;
  /** Of Windows Terminal. */
  "client.apps.windows-terminal.profiles": string;
};
type Key = keyof UserSettings;

const DEFAULTS: UserSettings = {
  "client.primary-name": PRIMARY_NAME,
  "client.apps.windows-terminal.profiles": "primary",
};

/** Why a value cannot be; undefined where it can. */
const CHECKS: Record<Key, (value: string) => string | undefined> = {
  "client.primary-name": (name) =>
    name === "" || NAME_PATTERN.test(name) ? undefined : "Invalid instance name supplied",
  "client.apps.windows-terminal.profiles": (value) =>
    value === "primary" || value === "none" ? undefined : "primary or none is needed",
};

const WINDOWS_ONLY: readonly Key[] = ["client.apps.windows-terminal.profiles"];

/** The keys that there are on this platform. Pure. */
export function userSettingKeys(platform: NodeJS.Platform): Key[] {
  const keys = Object.keys(DEFAULTS) as Key[];
  return keys.filter((key) => platform === "win32" || !WINDOWS_ONLY.includes(key));
}

const fileOf = () => path.join(currentPaths().data, "client.json");

/** Defaults where nothing has been set. A file that cannot be read is an error: it says which instance is meant. */
export async function readUserSettings(file = fileOf()): Promise<UserSettings> {
  let text: string;
  try {
    text = readFileSync(file, "utf8"); // Node's threads for files take a short command longer to start than to run.
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return DEFAULTS;
    throw unreadable(file, error);
  }
  try {
    return checked(JSON.parse(text) as unknown);
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): EngineError {
  return new EngineError("internal", `cannot read your settings: ${file}: ${messageOf(error)}`, {
    hint: "Correct the file, or remove it: it holds nothing but these settings.",
    cause: error,
  });
}

function checked(stored: unknown): UserSettings {
  const settings = { ...DEFAULTS, ...(stored as Partial<UserSettings>) };
  for (const key of Object.keys(DEFAULTS) as Key[]) {
    const reason = typeof settings[key] === "string" ? CHECKS[key](settings[key]) : "it is no text";
    if (reason !== undefined) throw new TypeError(`${key}: ${reason}`);
  }
  return settings;
}

/** Throws `invalid-argument`, and changes nothing, for a value that the key cannot have. */
export async function writeUserSetting(key: Key, value: string, file = fileOf()): Promise<void> {
  const settings = await readUserSettings(file);
  const reason = CHECKS[key](value);
  if (reason !== undefined) throw new EngineError("invalid-argument", `cannot set ${key}: ${reason}`);
  const { privateDirectory, writeFileDurable } = await import("../base/durable.ts");
  await privateDirectory(path.dirname(file));
  await writeFileDurable(file, `${JSON.stringify({ ...settings, [key]: value }, null, 2)}\n`);
}
