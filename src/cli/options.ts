/** Options that several verbs take. */
import { type Command, InvalidArgumentError, Option } from "commander";

export function formatOption(command: Command, formats: readonly string[] = ["table", "json"]): Command {
  return command.addOption(
    new Option("--format <format>", "how to print").choices([...formats]).default("table"),
  );
}

/** A parser of whole numbers from 1; `what` is the noun in its refusal. */
export function wholeNumber(what: string): (text: string) => number {
  return (text) => {
    if (!/^[1-9]\d{0,8}$/.test(text))
      throw new InvalidArgumentError(`${text} is not a valid number of ${what}.`);
    return Number(text);
  };
}

/** Of an option that may be given several times. */
export function repeated(text: string, before: string[] = []): string[] {
  return [...before, text];
}
