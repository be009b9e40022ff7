/** alias, aliases, unalias and prefer; and what runs when a command line begins with an alias. */
import { chmod, mkdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import type { Alias, AliasBook } from "../api/alias.ts";
import { exists, writeFileDurable } from "../base/durable.ts";
import { EngineError } from "../base/errors.ts";
import { currentPaths } from "../base/paths.ts";
import { aliasScripts, SHIM_MARK } from "../client/shim.ts";
import { isOnTerminal, runIn, terminal } from "./attach.ts";
import { type AnyFormat, FORMATS } from "./formats.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";

export type AliasReference = { alias: string; context?: string };

/** `context.alias`, or an alias alone. Pure. */
export function aliasReference(text: string): AliasReference {
  const at = text.indexOf(".");
  return at < 0 ? { alias: text } : { context: text.slice(0, at), alias: text.slice(at + 1) };
}

/**
 * The alias that is meant: that of the context named, else of the active one, else the only one of that name anywhere.
 * Pure.
 */
export function resolveAlias(book: AliasBook, text: string): Alias | undefined {
  const { alias, context } = aliasReference(text);
  if (context !== undefined) return own(book.contexts[context], alias);
  const active = own(book.contexts[book.active], alias);
  if (active) return active;
  const others = Object.values(book.contexts).flatMap((aliases) => own(aliases, alias) ?? []);
  return others.length === 1 ? others[0] : undefined;
}

function own(aliases: Record<string, Alias> | undefined, alias: string): Alias | undefined {
  return aliases && Object.hasOwn(aliases, alias) ? aliases[alias] : undefined;
}

/** `web:ls` taken apart, with the name that it gets where none is given: the command's own. Pure. */
export function aliasDefinition(
  text: string,
  name?: string,
): { instance: string; command: string; alias: string } {
  const at = text.indexOf(":");
  const instance = text.slice(0, Math.max(0, at));
  const command = text.slice(at + 1);
  if (at < 1 || command === "") {
    throw new EngineError("invalid-argument", "cannot alias: Invalid instance/command syntax", {
      hint: "Write the instance, a colon and the command: berth alias web:ls",
    });
  }
  return { instance, command, alias: name ?? path.posix.basename(command) };
}

export function addAliasCommands(
  program: Command,
  session: Session,
  reserved: () => readonly string[],
): void {
  program
    .command("alias")
    .description("Create an alias")
    .argument("<definition>", "<instance>:<command>")
    .argument("[name]", "name of the alias; the command's own when left out")
    .option("-n, --no-map-working-directory", "do not run it where the caller is, if that is mounted")
    .action((text: string, name: string | undefined, options: { mapWorkingDirectory: boolean }) =>
      define(session, reserved(), aliasDefinition(text, name), options),
    );

  formatOption(program.command("aliases").description("List available aliases"), FORMATS).action(
    async ({ format }: { format: AnyFormat }) => {
      const { api } = await session.client();
      session.print(session.formats.aliases(await api.aliases.list(), format));
    },
  );

  program
    .command("unalias")
    .description("Remove aliases")
    .argument("[names...]", "aliases, also as <context>.<alias>")
    .option("--all", "remove all of the active context")
    .action(async (names: string[], { all }: { all?: boolean }) =>
      removeAliases(session, names, all ?? false),
    );

  program
    .command("prefer")
    .description("Switch the current alias context")
    .argument("<context>", "the context; made where there is none of that name")
    .action(async (context: string) => {
      const { api } = await session.client();
      await api.aliases.prefer({ context });
    });
}

async function define(
  session: Session,
  reserved: readonly string[],
  { instance, command, alias }: ReturnType<typeof aliasDefinition>,
  { mapWorkingDirectory }: { mapWorkingDirectory: boolean },
): Promise<void> {
  if (reserved.includes(alias)) {
    const reason = `cannot alias ${alias}: it is a command of ${session.dialect}`;
    throw new EngineError("invalid-argument", reason, { hint: "Choose another name." });
  }
  const { api } = await session.client();
  await api.aliases.add({
    alias: aliasReference(alias).alias,
    ...contextOf(alias),
    instance,
    command,
    workingDirectory: mapWorkingDirectory ? "map" : "default",
  });
  await writeScript(session, aliasReference(alias).alias);
}

function contextOf(text: string): { context?: string } {
  const { context } = aliasReference(text);
  return context === undefined ? {} : { context };
}

async function removeAliases(session: Session, names: readonly string[], all: boolean): Promise<void> {
  if (all === names.length > 0) {
    throw new EngineError(
      "invalid-argument",
      all ? "Cannot specify name when --all option set" : "Name argument or --all is required",
    );
  }
  const { api } = await session.client();
  const before = await api.aliases.list();
  const wanted = all ? Object.keys(before.contexts[before.active] ?? {}) : names;
  const unknown = wanted.filter((name) => !resolveAlias(before, name));
  if (unknown.length > 0) {
    const noun = unknown.length === 1 ? "alias" : "aliases";
    throw new EngineError("invalid-argument", `cannot unalias: Nonexistent ${noun}: ${unknown.join(", ")}.`);
  }
  for (const name of wanted) {
    const { alias, context } = aliasReference(name);
    const after = await api.aliases.remove({ alias, ...(context === undefined ? {} : { context }) });
    if (!Object.values(after.contexts).some((aliases) => own(aliases, alias))) await removeScript(alias);
  }
}

/** The directory to put on PATH, so that an alias is a command of its own. */
export function aliasDirectory(): string {
  return path.join(currentPaths().data, "bin");
}

async function writeScript(session: Session, alias: string): Promise<void> {
  const directory = aliasDirectory();
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const scripts = aliasScripts({ execPath: process.execPath, cli: __filename, name: session.dialect }, alias);
  for (const [name, text] of Object.entries(scripts)) {
    const file = path.join(directory, name);
    await writeFileDurable(file, text, 0o755);
    await chmod(file, 0o755);
  }
  const folders = (process.env["PATH"] ?? "").split(path.delimiter);
  if (folders.includes(directory)) return;
  session.note(`To run aliases as commands of their own, add this to your PATH: ${directory}`);
}

/** Aliases are gone with their instance: after a purge, so are their scripts. */
export async function removeLostScripts(session: Session, purge: () => Promise<void>): Promise<void> {
  const { api } = await session.client();
  const names = async () =>
    new Set(Object.values((await api.aliases.list()).contexts).flatMap((aliases) => Object.keys(aliases)));
  const before = await names();
  try {
    await purge();
  } finally {
    const after = before.size > 0 ? await names() : before;
    for (const alias of before) if (!after.has(alias)) await removeScript(alias);
  }
}

async function removeScript(alias: string): Promise<void> {
  for (const name of [alias, `${alias}.cmd`]) {
    const file = path.join(aliasDirectory(), name);
    if ((await exists(file)) && (await readFile(file, "utf8")).includes(SHIM_MARK))
      await rm(file, { force: true });
  }
}

/** Runs `argv` where its first word is an alias; false where it is none. */
export async function runAlias(session: Session, argv: readonly string[]): Promise<boolean> {
  const [word = "", ...rest] = argv;
  const { api } = await session.client();
  const alias = resolveAlias(await api.aliases.list(), word);
  if (!alias) return false;
  session.verb = "exec";
  const args = rest[0] === "--" ? rest.slice(1) : rest;
  await runIn(session, alias.instance, {
    argv: [alias.command, ...args],
    ...(alias.workingDirectory === "map" ? { hostCwd: process.cwd() } : {}),
    ...(isOnTerminal(session.io) ? terminal(session.io) : {}),
  });
  return true;
}
