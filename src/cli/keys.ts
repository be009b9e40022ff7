/** keys: the engine's key, which seals those of encrypted instances, and what protects it. */
import type { Command } from "commander";
import type { KeyStatus } from "../api/keys.ts";
import { firstLine } from "./first-line.ts";
import { type Format, json, rows } from "./format.ts";
import { formatOption } from "./options.ts";
import { askSecret, newPassphrase } from "./question.ts";
import type { Session } from "./session.ts";

type Protect = { passphrase?: boolean; passphraseFile?: string };

const FILE_OPTION = "--passphrase-file <file>";
const FROM_FILE = "take the passphrase from the first line of a file, - for standard input";

export function addKeyCommands(program: Command, session: Session): void {
  const keys = program.command("keys").description("Look after the key that encrypts instances");
  formatOption(keys.command("status").description("Show whether instances can be encrypted")).action(
    async ({ format }: { format: Format }) => {
      const { api } = await session.client();
      session.print(formatKeys(await api.keys.status(), format));
    },
  );
  addUseCommands(keys, session);
  addSafeguardCommands(keys, session);
  keys
    .command("rotate")
    .description("Make another key: of the stopped instances that are named, else of the engine")
    .argument("[names...]", "encrypted instances")
    .option(FILE_OPTION, FROM_FILE)
    .action((names: string[], how: Protect) => rotate(session, names, how));
}

function addUseCommands(keys: Command, session: Session): void {
  keys
    .command("unlock")
    .description("Open the engine's key, so that encrypted instances can be started")
    .option(FILE_OPTION, FROM_FILE)
    .action(async (how: Protect) => {
      const { api } = await session.client();
      await api.keys.unlock(await presentPassphrase(session, how));
      session.print("Unlocked.");
    });
  keys
    .command("lock")
    .description("Close the engine's key until it is unlocked; instances that run go on")
    .action(async () => {
      const { api } = await session.client();
      await api.keys.lock();
      session.print("Locked.");
    });
}

/** What the key is protected by, and what brings it back. */
function addSafeguardCommands(keys: Command, session: Session): void {
  const told = (status: KeyStatus) => session.print(formatKeys(status, "table"));
  protecting(keys.command("init").description("Make the engine's key")).action(async (how: Protect) => {
    const { api } = await session.client();
    told(await api.keys.init(await protection(session, how)));
  });
  protecting(keys.command("change").description("Protect the engine's key otherwise")).action(
    async (how: Protect) => {
      const { api } = await session.client();
      told(await api.keys.change(await protection(session, how)));
    },
  );
  keys
    .command("export")
    .description("Print the engine's key, to be kept where nobody else comes: it opens every instance")
    .action(async () => {
      const { api } = await session.client();
      session.print((await api.keys.export()).key);
    });
  protecting(
    keys
      .command("import")
      .description("Take an exported key where the engine's own is lost, or cannot be opened any more")
      .argument("<file>", "holds it in its first line; - for standard input"),
  ).action(async (file: string, how: Protect) => {
    const { api } = await session.client();
    const key = await firstLine(session, file, "a key");
    told(await api.keys.import({ key, ...(await protection(session, how)) }));
  });
}

function protecting(command: Command): Command {
  return command
    .option("--passphrase", "protect it by a passphrase, which is asked for, and not by the keychain")
    .option(FILE_OPTION, FROM_FILE);
}

async function rotate(session: Session, names: readonly string[], how: Protect): Promise<void> {
  for (const name of names) {
    await session.operate((api) => api.keys.rotateInstance({ name }));
    session.print(`${name} has another key; the old one opens its disks no more.`);
  }
  if (names.length > 0) return;
  const { api } = await session.client();
  await api.keys.rotate(await presentPassphrase(session, how));
  session.print("The engine has another key; what the old one sealed is sealed by that.");
}

/** Nothing where the keychain shall protect it. */
async function protection(session: Session, how: Protect): Promise<{ passphrase?: string }> {
  const { passphrase: asked = false, passphraseFile: file } = how;
  if (!asked && file === undefined) return {};
  return { passphrase: await newPassphrase(session, file, "protect the engine's key") };
}

/** Where one protects the key; nothing otherwise. */
async function presentPassphrase(session: Session, how: Protect): Promise<{ passphrase?: string }> {
  if (how.passphraseFile !== undefined)
    return { passphrase: await firstLine(session, how.passphraseFile, "a passphrase") };
  const { api } = await session.client();
  if ((await api.keys.status()).protection !== "passphrase") return {};
  return { passphrase: await askSecret(session, "Please enter the passphrase: ") };
}

const STATES: Record<KeyStatus["state"], string> = {
  none: "none yet; the first encrypted instance makes one",
  locked: "locked: berth keys unlock",
  unlocked: "unlocked",
};

/** Pure. */
export function formatKeys(status: KeyStatus, format: Format): string {
  if (format === "json") return json(status);
  const { state, protection, createdAt, keychain, instances } = status;
  const homeless = state === "none" && keychain.problem !== undefined;
  const problem = protection === "passphrase" ? undefined : keychain.problem;
  return rows([
    ["Key", homeless ? "none: berth keys init --passphrase" : STATES[state]],
    ...(protection === undefined
      ? []
      : [row("Protected by", protection === "keychain" ? keychain.name : "a passphrase")]),
    ...(createdAt === undefined ? [] : [row("Made", createdAt)]),
    row("Instances", `${instances} encrypted`),
    ...(problem === undefined ? [] : [row("Keychain", problem)]),
    ...(problem === undefined || keychain.hint === undefined ? [] : [row("", keychain.hint)]),
  ]);
}

function row(key: string, value: string): [string, string] {
  return [key, value];
}
