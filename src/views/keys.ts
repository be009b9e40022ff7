/** The engine's key, which encrypted instances need: made, and unlocked. */
import * as vscode from "vscode";
import { type KeyStatus, LEAST_PASSPHRASE } from "../api/keys.ts";
import { EngineError } from "../base/errors.ts";
import type { EngineClient } from "../client/engine-client.ts";
import type { Services } from "./services.ts";

/** Where VS Code keeps the passphrase, in the keychain of whoever uses it. */
const REMEMBERED = "berth.keys.passphrase";

/** Unlocks the key; where there is none yet, makes it. */
export async function unlockKeys(services: Services): Promise<void> {
  const client = await services.mirror.client();
  const status = await client.api.keys.status();
  if (status.state === "none") return make(services, client, status);
  if (status.state === "locked") return unlock(services, client, status);
  void vscode.window.showInformationMessage(
    vscode.l10n.t("Encrypted instances can be started: their key is unlocked."),
  );
}

async function make(services: Services, client: EngineClient, { keychain }: KeyStatus): Promise<void> {
  const passphrase =
    keychain.problem === undefined
      ? undefined
      : await newPassphrase(
          vscode.l10n.t("Make Encryption Key"),
          vscode.l10n.t(
            "This host has no keychain for it, so a passphrase shall protect it. Without it, nothing opens what is encrypted.",
          ),
        );
  if (keychain.problem !== undefined && passphrase === undefined) return;
  await client.api.keys.init(passphrase === undefined ? {} : { passphrase });
  if (passphrase !== undefined) await offerToRemember(services, passphrase);
  void vscode.window.showInformationMessage(vscode.l10n.t("Instances can be encrypted from now on."));
}

async function unlock(services: Services, client: EngineClient, status: KeyStatus): Promise<void> {
  if (status.protection === "passphrase") {
    if (!(await unlockRemembered(services, client)) && !(await unlockAsked(services, client))) return;
  } else await client.api.keys.unlock({});
  void vscode.window.showInformationMessage(
    vscode.l10n.t("Encrypted instances can be started: their key is unlocked."),
  );
}

/** One that is wrong by now is forgotten. */
async function unlockRemembered({ secrets }: Services, client: EngineClient): Promise<boolean> {
  const passphrase = await secrets.get(REMEMBERED);
  if (passphrase === undefined) return false;
  if (await isRight(client, passphrase)) return true;
  await secrets.delete(REMEMBERED);
  return false;
}

async function unlockAsked(services: Services, client: EngineClient): Promise<boolean> {
  for (let wrong = false; ; wrong = true) {
    const passphrase = await vscode.window.showInputBox({
      title: vscode.l10n.t("Unlock Encryption Key"),
      prompt: wrong
        ? vscode.l10n.t("It is another passphrase. Please try again.")
        : vscode.l10n.t("The passphrase that protects the key of encrypted instances"),
      password: true,
      ignoreFocusOut: true,
    });
    if (passphrase === undefined) return false;
    if (!(await isRight(client, passphrase))) continue;
    await offerToRemember(services, passphrase);
    return true;
  }
}

async function isRight(client: EngineClient, passphrase: string): Promise<boolean> {
  try {
    await client.api.keys.unlock({ passphrase });
    return true;
  } catch (error) {
    if (error instanceof EngineError && error.code === "permission-denied") return false;
    throw error;
  }
}

/** Twice, since it is not shown; undefined when the user gave up. */
export async function newPassphrase(title: string, prompt: string): Promise<string | undefined> {
  const first = await vscode.window.showInputBox({
    title,
    prompt,
    password: true,
    ignoreFocusOut: true,
    validateInput: (text) =>
      text.length < LEAST_PASSPHRASE
        ? vscode.l10n.t("Give {0} characters or more.", LEAST_PASSPHRASE)
        : undefined,
  });
  if (first === undefined) return undefined;
  return vscode.window.showInputBox({
    title,
    prompt: vscode.l10n.t("The same passphrase once more"),
    password: true,
    ignoreFocusOut: true,
    validateInput: (text) => (text === first ? undefined : vscode.l10n.t("The passphrases do not match.")),
  });
}

async function offerToRemember({ secrets }: Services, passphrase: string): Promise<void> {
  const yes = vscode.l10n.t("Remember");
  const text = vscode.l10n.t("Remember the passphrase in VS Code's secret storage?");
  const no = vscode.l10n.t("Ask Every Time");
  const chosen = await vscode.window.showInformationMessage(text, yes, no);
  if (chosen === yes) await secrets.store(REMEMBERED, passphrase);
}
