/** Questions on a terminal. */

import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { LEAST_PASSPHRASE } from "../api/keys.ts";
import { EngineError } from "../base/errors.ts";
import { firstLine } from "./first-line.ts";
import type { Session } from "./session.ts";

/** What is typed without being shown. `invalid-argument` where nobody can be asked. Ctrl-C cancels. */
export async function askSecret(session: Session, question: string): Promise<string> {
  const { stdin, stderr } = session.io;
  if (!stdin.isTTY || !stderr.isTTY) {
    throw new EngineError("invalid-argument", "no passphrase is given, and there is no terminal to ask on");
  }
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const line = createInterface({ input: stdin, output: silent, terminal: true });
  // Only now: before, the terminal itself would show what is typed at once.
  stderr.write(question);
  try {
    return await line.question("", { signal: session.signal });
  } finally {
    line.close();
    stderr.write("\n");
  }
}

/** Asked for twice, since it is not shown; or from the first line of a file. `doing` begins its refusals. */
export async function newPassphrase(
  session: Session,
  file: string | undefined,
  doing: string,
): Promise<string> {
  const refuse = (reason: string) => new EngineError("invalid-argument", `cannot ${doing}: ${reason}`);
  const passphrase =
    file === undefined
      ? await askSecret(session, "Please enter a new passphrase: ")
      : await firstLine(session, file, "a passphrase");
  if (passphrase.length < LEAST_PASSPHRASE)
    throw refuse(`a passphrase of ${LEAST_PASSPHRASE} characters or more is needed`);
  const again =
    file === undefined ? await askSecret(session, "Please re-enter the passphrase: ") : passphrase;
  if (again === passphrase) return passphrase;
  throw refuse("the passphrases do not match");
}

/** A line that is typed. Throws `otherwise` where nobody can be asked. Ctrl-C cancels. */
export async function askLine(session: Session, question: string, otherwise: EngineError): Promise<string> {
  const { stdin, stderr } = session.io;
  if (!stdin.isTTY || !stderr.isTTY) throw otherwise;
  const line = createInterface({ input: stdin, output: stderr });
  try {
    return await line.question(question, { signal: session.signal });
  } finally {
    line.close();
  }
}

/** Yes unless the answer begins with an n; `fallback` where nobody can be asked. Ctrl-C cancels. */
export async function confirm(
  session: Session,
  question: string,
  options: { fallback: boolean },
): Promise<boolean> {
  const { stdin, stderr } = session.io;
  if (!stdin.isTTY || !stderr.isTTY) return options.fallback;
  const line = createInterface({ input: stdin, output: stderr });
  try {
    for (;;) {
      const answer = (await line.question(`${question} (Yes/no): `, { signal: session.signal })).trim();
      if (/^(y|yes|)$/i.test(answer)) return true;
      if (/^(n|no)$/i.test(answer)) return false;
      session.note("Please answer yes/no");
    }
  } finally {
    line.close();
  }
}
