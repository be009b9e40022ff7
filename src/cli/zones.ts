/** zones, enable-zones, disable-zones. */
import type { Command } from "commander";
import { EngineError } from "../base/errors.ts";
import { type AnyFormat, FORMATS } from "./formats.ts";
import { formatOption } from "./options.ts";
import { confirm } from "./question.ts";
import { forEach, type Session } from "./session.ts";

type Options = { all?: boolean; force?: boolean };

export function addZoneCommands(program: Command, session: Session): void {
  formatOption(program.command("zones").description("List availability zones"), FORMATS).action(
    async ({ format }: { format: AnyFormat }) => {
      const { api } = await session.client();
      session.print(session.formats.zones((await api.zones.list()).items, format));
    },
  );
  const several = (name: string, description: string, all: string) =>
    program
      .command(name)
      .description(description)
      .argument("[zones...]", "names or numbers of zones")
      .option("--all", all);
  several("enable-zones", "Make zones available; instances that ran there start", "enable all zones").action(
    async (texts: string[], options: Options) =>
      change(session, "enable", await select(session, texts, options), options),
  );
  several(
    "disable-zones",
    "Make zones unavailable; instances that run there are stopped by force",
    "disable all zones",
  )
    .option("--force", "do not ask for confirmation")
    .action(async (texts: string[], options: Options) => {
      const zones = await select(session, texts, options);
      if (options.force || (await mayDisable(session, zones)))
        return change(session, "disable", zones, options);
      session.exitCode = DECLINED_EXIT;
    });
}

const DECLINED_EXIT = 2;

async function mayDisable(session: Session, zones: readonly string[]): Promise<boolean> {
  const { stdin, stderr } = session.io;
  if (!stdin.isTTY || !stderr.isTTY) {
    throw new EngineError(
      "invalid-argument",
      "Unable to query client for confirmation. Use '--force' to forcefully make unavailable all instances in the specified zones.",
    );
  }
  const question = `This operation will forcefully stop the VMs in ${listed(zones)}. Are you sure you want to continue?`;
  return confirm(session, question, { fallback: false });
}

async function change(
  session: Session,
  verb: "enable" | "disable",
  zones: readonly string[],
  { all }: Options,
): Promise<void> {
  await forEach(zones, (name) => session.operate((api) => api.zones[verb]({ name })));
  session.print(
    all ? `All zones ${verb}d` : `Zone${zones.length === 1 ? "" : "s"} ${verb}d: ${zones.join(", ")}`,
  );
}

async function select(session: Session, texts: readonly string[], { all }: Options): Promise<string[]> {
  if (all && texts.length > 0) {
    throw new EngineError("invalid-argument", "Cannot specify name when --all option set");
  }
  if (!all && texts.length === 0) {
    throw new EngineError("invalid-argument", "Name argument or --all is required");
  }
  if (!all && !texts.some(isNumber)) return [...new Set(texts)];
  const { api } = await session.client();
  const names = (await api.zones.list()).items.map(({ name }) => name);
  return all ? names : zonesMeant(texts, names);
}

/** `2` is the second zone; what is no number is a name, for the engine to know. */
export function zonesMeant(texts: readonly string[], names: readonly string[]): string[] {
  return [...new Set(texts.map((text) => (isNumber(text) ? (names[Number(text) - 1] ?? text) : text)))];
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

/** `zone1, zone2 and zone3`. */
export function listed(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} and ${last}`;
}
