/** Questions on a terminal. */
import { createInterface } from "node:readline/promises";
import type { Session } from "./session.ts";

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
      session.note("Please answer Yes or no.");
    }
  } finally {
    line.close();
  }
}
