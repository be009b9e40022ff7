/** get and set: the engine's settings. */
import type { Command } from "commander";
import type { Settings } from "../api/engine-info.ts";
import { EngineError } from "../base/errors.ts";
import { getPassphrase, PASSPHRASE_KEY, setPassphrase } from "./access.ts";
import { table } from "./format.ts";
import { getInstance, instanceKey, instanceKeys, setInstance, sizesFrom } from "./instance-settings.ts";
import type { Session } from "./session.ts";
import { getSnapshotWord, setSnapshotWord, snapshotKey, snapshotKeys } from "./snapshot-settings.ts";

export function addSettingCommands(program: Command, session: Session): void {
  program
    .command("get")
    .description("Get a setting, or all of them")
    .argument("[key]", "the setting")
    .option("--keys", "list the settings' names only")
    .option("--raw", "print sizes as plain numbers, for scripts")
    .action(async (key: string | undefined, options: { keys?: boolean; raw?: boolean }) => {
      const { api } = await session.client();
      const ofInstance = instanceKey(key, session.dialect);
      if (ofInstance) {
        session.print(await getInstance(session, ofInstance, options));
        return;
      }
      if (key === PASSPHRASE_KEY) {
        session.print(await getPassphrase(session));
        return;
      }
      const ofSnapshot = snapshotKey(key);
      if (ofSnapshot) {
        session.print(await getSnapshotWord(session, ofSnapshot));
        return;
      }
      const settings = await api.settings.get();
      if (key !== undefined) session.print(String(settings[known(settings, key)]));
      else if (options.keys) {
        const others = [PASSPHRASE_KEY, ...(await instanceKeys(session)), ...(await snapshotKeys(session))];
        session.print([...Object.keys(settings), ...others].sort().join("\n"));
      } else {
        const rows = Object.entries(settings).map(([name, value]) => [name, String(value)]);
        session.print(table(["Key", "Value"], rows));
      }
    });

  program
    .command("set")
    .description("Set a setting")
    .argument("<key=value>", "the setting and its value")
    .action(async (text: string) => {
      const ofInstance = instanceKey(text.split("=", 1)[0], session.dialect);
      if (ofInstance) {
        const { name } = ofInstance;
        await setInstance(session, name, sizesFrom(ofInstance, text));
        return;
      }
      if (text.split("=", 1)[0] === PASSPHRASE_KEY) {
        await setPassphrase(session, text);
        return;
      }
      const ofSnapshot = snapshotKey(text.split("=", 1)[0]);
      if (ofSnapshot) {
        await setSnapshotWord(session, ofSnapshot, text);
        return;
      }
      const { api } = await session.client();
      await api.settings.set(assignment(text, await api.settings.get()));
    });
}

/** `key=value` as a change of these settings; a number where the setting is one. Throws `invalid-argument`. Pure. */
export function assignment(text: string, settings: Settings): Partial<Settings> {
  const [name = ""] = text.split("=", 1);
  const key = known(settings, name);
  if (!text.includes("=")) {
    throw new EngineError("invalid-argument", `cannot set ${key}: no value is given`, {
      hint: `berth set ${key}=VALUE`,
    });
  }
  const value = text.slice(name.length + 1);
  if (typeof settings[key] !== "number") return { [key]: value };
  const number = value.trim() === "" ? Number.NaN : Number(value);
  if (Number.isFinite(number)) return { [key]: number };
  throw new EngineError("invalid-argument", `cannot set ${key}: ${value || "nothing"} is not a number`);
}

function known(settings: Settings, key: string): keyof Settings {
  if (Object.hasOwn(settings, key)) return key as keyof Settings;
  throw new EngineError("invalid-argument", `Unrecognized settings key: '${key}'`, {
    hint: `Known keys: ${Object.keys(settings).join(", ")}`,
  });
}
