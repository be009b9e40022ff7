/** Runs the steps of an instance in its guest, which remembers those that have succeeded. */
import { text } from "node:stream/consumers";
import { EngineError } from "../../base/errors.ts";
import { withoutControls } from "../../base/plain-text.ts";
import type { Step } from "./plan.ts";
import type { Caller } from "./up.ts";

/** In the user's home, which a clone and a snapshot keep. */
const MARKS = ".local/state/berth/provision";

/** One step after the other; each is remembered when it has succeeded. */
export async function provision(caller: Caller, name: string, steps: readonly Step[]): Promise<void> {
  if (steps.length === 0) return;
  const done = new Set(
    (await ran(caller, name, ["sh", "-c", `ls ${MARKS} 2>/dev/null || true`])).output.split("\n"),
  );
  for (const [index, { argv, mark, always }] of steps.entries()) {
    if (!always && done.has(mark)) continue;
    caller.note(`${name}: step ${index + 1} of ${steps.length}: ${argv.at(-1)?.split("\n")[0]}`);
    const { code, output } = await ran(caller, name, argv);
    if (code !== 0) {
      const last = output.trim().split("\n").slice(-5).join("\n");
      throw new EngineError(
        "driver-failed",
        `cannot provision ${name}: step ${index + 1} ended with ${code}: ${last}`,
        {
          hint: "Correct the step, then run berth up again: steps that have succeeded are not run again.",
        },
      );
    }
    await ran(caller, name, ["sh", "-c", `mkdir -p ${MARKS} && touch ${MARKS}/${mark}`]);
  }
}

async function ran(
  caller: Caller,
  name: string,
  argv: readonly string[],
): Promise<{ code: number; output: string }> {
  const client = await caller.client();
  const child = await client.exec(name, { argv: [...argv] }, { signal: caller.signal });
  child.stdin.end();
  const [out, err, { code, signal }] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    child.exited,
  ]);
  return { code: code ?? (signal ? 255 : 0), output: withoutControls(out + err) };
}
