/** authenticate, and the passphrase as a setting. */
import type { Command } from "commander";
import { EngineError } from "../base/errors.ts";
import { askSecret } from "./question.ts";
import type { Session } from "./session.ts";

export const PASSPHRASE_KEY = "local.passphrase";

export function addAccessCommands(program: Command, session: Session): void {
  program
    .command("authenticate")
    .alias("auth")
    .description("Authenticate this client with the engine's passphrase")
    .argument("[passphrase]", "asked for where it is left out")
    .action(async (given: string | undefined) => {
      const passphrase = given ?? (await askSecret(session, "Please enter passphrase: "));
      if (passphrase === "")
        throw new EngineError("invalid-argument", "cannot authenticate: no passphrase is given");
      const { api } = await session.client();
      await api.access.authenticate({ passphrase });
    });
}

/** Multipass never shows it, only whether there is one. */
export async function getPassphrase(session: Session): Promise<string> {
  const { api } = await session.client();
  return String((await api.access.passphrase()).isSet);
}

/** Asked for twice, since it is not shown. */
export async function askPassphrase(session: Session): Promise<void> {
  await setPassphrase(session, await askTwice(session));
}

export async function setPassphrase(session: Session, passphrase: string): Promise<void> {
  const { api } = await session.client();
  await api.access.setPassphrase({ passphrase });
}

async function askTwice(session: Session): Promise<string> {
  const first = await askSecret(session, "Please enter passphrase: ");
  const second = await askSecret(session, "Please re-enter passphrase: ");
  if (first === second) return first;
  throw new EngineError("invalid-argument", `cannot set ${PASSPHRASE_KEY}: Passphrases do not match`);
}
