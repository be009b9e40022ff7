/** get and set: settings of the engine, of this user, of instances and of snapshots, by their keys. */
import type { Command } from "commander";
import { EngineError } from "../base/errors.ts";
import { table } from "./format.ts";
import { askLine } from "./question.ts";
import type { Session } from "./session.ts";
import { settingAt, settingKeys } from "./setting-keys.ts";

type GetOptions = { keys?: boolean; raw?: boolean };

export function addSettingCommands(program: Command, session: Session): void {
  program
    .command("get")
    .description("Get a setting, or all of them")
    .argument("[key]", "the setting")
    .option("--keys", "list the settings' names only")
    .option("--raw", "print for scripts: nothing for an empty value, sizes as plain numbers")
    .action(async (key: string | undefined, options: GetOptions) => {
      if (options.keys) await printKeys(session, key);
      else if (key !== undefined) session.print(`${await valueText(session, key, options)}\n`);
      else if (session.dialect === "berth") await printAll(session);
      else {
        throw new EngineError(
          "invalid-argument",
          "Multiple settings not implemented yet. Please try again with either a single key or just the `--keys` flag for now.",
        );
      }
    });

  program
    .command("set")
    .description("Set a setting")
    .argument("<key=value>", "the setting and its value, which is asked for where only the setting is given")
    .action(async (text: string) => {
      const [key = ""] = text.split("=", 1);
      if (key === "") throw new EngineError("invalid-argument", "Bad key-value format.");
      const setting = await settingAt(session, key);
      if (text.includes("=")) await setting.write(text.slice(key.length + 1));
      else if (setting.ask) await setting.ask();
      else await setting.write(await askLine(session, `${key}: `, noValue(key)));
    });
}

function noValue(key: string): EngineError {
  return new EngineError("invalid-argument", `cannot set ${key}: no value is given`, {
    hint: `berth set ${key}=VALUE`,
  });
}

async function valueText(session: Session, key: string, { raw = false }: GetOptions): Promise<string> {
  const value = await (await settingAt(session, key)).read({ raw });
  return value === "" && !raw ? "<empty>" : value;
}

/** One that is named is printed by itself, where there is such a one. */
async function printKeys(session: Session, wanted: string | undefined): Promise<void> {
  const keys = await settingKeys(session);
  if (wanted !== undefined && !keys.includes(wanted)) await settingAt(session, wanted);
  session.print((wanted === undefined ? keys : [wanted]).join("\n"));
}

async function printAll(session: Session): Promise<void> {
  const keys = await settingKeys(session, { instances: false });
  const rows = await Promise.all(keys.map(async (key) => [key, await valueText(session, key, {})]));
  session.print(table(["Key", "Value"], rows));
}
