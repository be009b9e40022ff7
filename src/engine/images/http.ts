/** Requests to outside servers: the URL policy on every hop, deadlines, and errors that say what happened. */
import { EngineError } from "../../base/errors.ts";
import { networkReason, TransientError } from "../transient.ts";
import { isAllowedRedirect, isAllowedUrl } from "./urls.ts";

export type Fetch = typeof fetch;

/** How long a server may take to begin its answer. */
export const ANSWER_MS = 30_000;
const MAX_REDIRECTS = 5;

/** An answer whose body is open: read it to its end or call `abandon`. */
export type Answer = { response: Response; url: URL; abandon(): void };

/**
 * GET, following redirects that the policy allows. Any status is an answer. `signal` cancels it, the body included;
 * rejects with TransientError when there is no answer, `download-failed` when a redirect is refused.
 */
export async function request(
  fetch: Fetch,
  url: URL,
  options: { signal: AbortSignal; headers?: Record<string, string>; answerMs?: number },
): Promise<Answer> {
  let current = url;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    const answer = await requestOnce(fetch, current, options);
    const location = answer.response.headers.get("location");
    if (![301, 302, 303, 307, 308].includes(answer.response.status) || location === null) return answer;
    answer.abandon();
    const next = URL.parse(location, current.href);
    if (!next || !isAllowedRedirect(current, next)) throw refusedRedirect(url, location);
    current = next;
  }
  throw new EngineError(
    "download-failed",
    `cannot get ${url.href}: it redirects more than ${MAX_REDIRECTS} times`,
    {
      hint: "Check the address.",
    },
  );
}

async function requestOnce(
  fetch: Fetch,
  url: URL,
  options: { signal: AbortSignal; headers?: Record<string, string>; answerMs?: number },
): Promise<Answer> {
  // The last look before anything leaves this host, whoever made the URL.
  if (!isAllowedUrl(url)) throw refusedRedirect(url, url.href);
  options.signal.throwIfAborted();
  const controller = new AbortController();
  const onAbort = () => controller.abort(options.signal.reason);
  options.signal.addEventListener("abort", onAbort, { once: true });
  const milliseconds = options.answerMs ?? ANSWER_MS;
  const timer = setTimeout(
    () => controller.abort(new TransientError(`no answer within ${milliseconds / 1000} s`)),
    milliseconds,
  );
  const release = () => options.signal.removeEventListener("abort", onAbort);
  try {
    const response = await fetch(url, {
      redirect: "manual",
      signal: controller.signal,
      // What is hashed must be the bytes as published.
      headers: { "accept-encoding": "identity", "user-agent": "berth", ...options.headers },
    });
    const abandon = () => {
      release();
      controller.abort(new DOMException("not needed", "AbortError"));
    };
    return { response, url, abandon };
  } catch (error) {
    release();
    options.signal.throwIfAborted();
    if (error instanceof TransientError) throw error;
    throw new TransientError(networkReason(error), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function refusedRedirect(url: URL, to: string): EngineError {
  return new EngineError(
    "download-failed",
    `cannot get ${url.href}: it redirects to ${to.slice(0, 200)}, which is not allowed`,
    { hint: "Only https addresses are followed. Use the final https:// address itself." },
  );
}
