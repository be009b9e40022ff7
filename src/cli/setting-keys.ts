/** Which settings there are, and whose each is. */
import type { Settings } from "../api/engine-info.ts";
import { EngineError } from "../base/errors.ts";
import { flagFrom } from "../base/flags.ts";
import { hostPlatform } from "../base/paths.ts";
import {
  readUserSettings,
  type UserSettings,
  userSettingKeys,
  writeUserSetting,
} from "../client/user-settings.ts";
import { askPassphrase, getPassphrase, PASSPHRASE_KEY, setPassphrase } from "./access.ts";
import { getInstance, instanceKey, instanceKeys, setInstance } from "./instance-settings.ts";
import type { Session } from "./session.ts";
import { getSnapshotWord, setSnapshotWord, snapshotKey, snapshotKeys } from "./snapshot-settings.ts";

export type Setting = {
  /** `raw` for scripts. */
  read(options: { raw: boolean }): Promise<string>;
  /** Throws `invalid-argument` for what the setting cannot be. */
  write(value: string): Promise<void>;
  /** Asks for the value in a way of its own, then writes it. */
  ask?(): Promise<void>;
};

/** Throws `invalid-argument` where there is no such setting under this name of the command. */
export async function settingAt(session: Session, key: string): Promise<Setting> {
  const own = userSettingKeys(hostPlatform()).find((one) => one === key);
  if (own) return userSetting(own);
  if (key === PASSPHRASE_KEY) {
    return {
      read: () => getPassphrase(session),
      write: (value) => setPassphrase(session, value),
      ask: () => askPassphrase(session),
    };
  }
  const ofInstance = instanceKey(key, session.dialect);
  if (ofInstance) {
    const { name, property } = ofInstance;
    return {
      read: ({ raw }) => getInstance(session, ofInstance, { raw: raw && session.dialect === "berth" }),
      write: (value) => setInstance(session, name, { [property]: value }),
    };
  }
  const ofSnapshot = snapshotKey(key);
  if (ofSnapshot) {
    return {
      read: () => getSnapshotWord(session, ofSnapshot),
      write: (value) => setSnapshotWord(session, ofSnapshot, value),
    };
  }
  return engineSetting(session, key);
}

function userSetting(key: keyof UserSettings): Setting {
  return {
    read: async () => (await readUserSettings())[key],
    write: (value) => told(key, value, () => writeUserSetting(key, value)),
  };
}

async function engineSetting(session: Session, key: string): Promise<Setting> {
  const { api } = await session.client();
  const settings = await api.settings.get();
  const known = engineKeys(settings, session).find((one) => one === key);
  if (!known) {
    throw new EngineError("invalid-argument", `Unrecognized settings key: '${key}'`, {
      hint: `Known keys: ${(await settingKeys(session)).join(", ")}`,
    });
  }
  return {
    read: async () => String(settings[known]),
    write: (value) =>
      told(known, value, async () => {
        await api.settings.set({ [known]: valueFrom(known, value, settings[known]) });
      }),
  };
}

/** Under the name `multipass` those that Multipass has. */
function engineKeys(settings: Settings, { dialect }: Session): (keyof Settings)[] {
  const keys = Object.keys(settings) as (keyof Settings)[];
  return keys.filter((key) => dialect === "berth" || key.startsWith("local."));
}

/** A value of the same kind as the present one. Throws `invalid-argument`. Pure. */
export function valueFrom(key: string, text: string, present: unknown): string | number | boolean {
  if (typeof present === "number") {
    const number = text.trim() === "" ? Number.NaN : Number(text);
    if (Number.isFinite(number)) return number;
    throw new EngineError("invalid-argument", `cannot set ${key}: it is not a number`);
  }
  if (typeof present !== "boolean") return text;
  const flag = flagFrom(text);
  if (flag !== undefined) return flag;
  throw new EngineError("invalid-argument", `cannot set ${key}: Invalid flag, need "true" or "false"`);
}

/** A refused value is told with its setting, as Multipass does. */
async function told(key: string, value: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "invalid-argument") throw error;
    const reason = error.message.replace(/^cannot [^:]*: (?:[a-z.-]+: )?/, "");
    throw new EngineError("invalid-argument", `Invalid setting '${key}=${value}': ${reason}`, {
      hint: error.hint,
      cause: error,
    });
  }
}

/** All of them, sorted. */
export async function settingKeys(session: Session, { instances = true } = {}): Promise<string[]> {
  const { api } = await session.client();
  const settings = await api.settings.get();
  const others = instances ? [...(await instanceKeys(session)), ...(await snapshotKeys(session))] : [];
  return [
    ...userSettingKeys(hostPlatform()),
    ...engineKeys(settings, session),
    PASSPHRASE_KEY,
    ...others,
  ].sort();
}
