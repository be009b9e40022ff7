/**
 * Why what a container has in memory cannot be kept, as a VM's can. CRIU does that for runtimes, where the kernel lets it;
 * snapshots are commits of files wherever that is so.
 */
import { withDeadline } from "../../../base/async.ts";
import { messageOf } from "../../../base/errors.ts";
import { RunError, run, which } from "../../../base/run.ts";
import type { Ctx } from "../../ctx.ts";
import { type Endpoint, RUNTIME_NAMES } from "./endpoints.ts";
import { isOfThisHost } from "./host.ts";

const CHECK_MS = 10_000;

/** In words that follow a colon. What this host's CRIU says is asked once. */
export class Memory {
  #criu: Promise<string | undefined> | undefined;

  async whyNotKept(ctx: Pick<Ctx, "signal">, endpoint: Endpoint): Promise<string> {
    const runtime = RUNTIME_NAMES[endpoint.runtime];
    if (!isOfThisHost(endpoint)) return `${runtime} runs elsewhere, and what CRIU can do there is not known`;
    this.#criu ??= criuReason(ctx);
    this.#criu.catch(() => {
      this.#criu = undefined;
    });
    return (await this.#criu) ?? `CRIU would do it, but Berth does not ask ${runtime} for that`;
  }
}

/** Undefined where CRIU finds all that it needs. */
export async function criuReason(
  { signal }: Pick<Ctx, "signal">,
  criu = which("criu"),
): Promise<string | undefined> {
  const program = await criu;
  if (program === undefined) return "CRIU is not installed";
  const deadline = withDeadline(CHECK_MS, signal);
  try {
    await run([program, "check"], { signal: deadline.signal });
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return `\`criu check\` fails: ${checkWords(error)}`;
  } finally {
    deadline.done();
  }
}

/** Pure: it begins its lines with the place in its source, and says what is wrong first. */
export function checkWords(error: unknown): string {
  const said = error instanceof RunError ? `${error.stderr}\n${error.stdout}` : messageOf(error);
  const lines = said.split("\n").map((line) => line.replace(/^(Error|Warn) +\(\S+\): */, "").trim());
  return lines.find((line) => line !== "" && line !== "Looks good.") ?? "it gives no reason";
}
