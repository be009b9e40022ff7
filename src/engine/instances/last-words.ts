/** What cloud-init said last: the reason, where else a user would only be told that it failed or took too long. */
import { abortable, withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import { withoutControls } from "../../base/plain-text.ts";
import type { Running } from "../drivers/running.ts";

/** Nobody waits long for words about a failure. */
const WORDS_MS = 8_000;
const LINES = 3;
const MAX_CHARACTERS = 400;

/** What cloud-init says of itself, which tells no reason. */
const OWN_LINES =
  /^(Cloud-init v\.|ci-info:|Traceback |\s+File "|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ - .*\[(DEBUG|INFO|WARNING|ERROR)\])/;

/** Undefined where the guest does not tell. */
export async function lastWords({ guest }: Running): Promise<string | undefined> {
  const { signal, done } = withDeadline(WORDS_MS);
  try {
    return lastWordsIn(await abortable(guest.cloudInitLog({ signal }), signal));
  } catch {
    return undefined;
  } finally {
    done();
  }
}

/** Pure. */
export function lastWordsIn(log: string): string | undefined {
  const lines = withoutControls(log)
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line.trim() !== "" && !OWN_LINES.test(line));
  const words = lines
    .slice(-LINES)
    .map((line) => line.trim())
    .join(" / ");
  if (words === "") return undefined;
  return words.length > MAX_CHARACTERS ? `…${words.slice(-MAX_CHARACTERS)}` : words;
}

/** A failure of cloud-init with its last words; any other error as it is. */
export async function withLastWords(error: unknown, running: Running): Promise<unknown> {
  if (!(error instanceof EngineError) || error.code !== "driver-failed") return error;
  const words = await lastWords(running);
  if (words === undefined) return error;
  const { hint, details } = error;
  return new EngineError(error.code, `${error.message}. It last said: ${words}`, {
    hint,
    details,
    cause: error,
  });
}
