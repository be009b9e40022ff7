/** Options that several verbs take. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { ContainerRuntime } from "../api/container.ts";

export function formatOption(command: Command, formats: readonly string[] = ["table", "json"]): Command {
  return command.addOption(
    new Option("--format <format>", "how to print").choices([...formats]).default("table"),
  );
}

/** `--runtime`, of what is in the runtimes of containers. */
export function runtimeOption(command: Command): Command {
  return command.addOption(
    new Option("--runtime <runtime>", "where; the first that runs or has it when left out").choices([
      "docker",
      "podman",
      "vm",
    ] satisfies ContainerRuntime[]),
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

/** `--timeout`, where the command itself gives up. */
export function timeoutOption(command: Command): Command {
  return command.addOption(
    new Option("--timeout <seconds>", "how long to wait; what has begun goes on").argParser(
      (text: string) => {
        if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
        throw new InvalidArgumentError("--timeout value has to be a positive integer");
      },
    ),
  );
}

/** Of an option that may be given several times. */
export function repeated(text: string, before: string[] = []): string[] {
  return [...before, text];
}
