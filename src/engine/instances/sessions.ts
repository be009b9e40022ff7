/** The sessions of all instances. Each ends with its process, with its guest's run, or when it was kept long enough. */
import { SESSION_KEEP_SECONDS } from "../../api/limits.ts";
import type { GuestSession, SessionRequest } from "../../api/session.ts";
import { EngineError } from "../../base/errors.ts";
import type { SessionsApi } from "../engine-core.ts";
import type { ExecRequest, GuestAccess, GuestProcess } from "../guest/guest.ts";
import { Session } from "../guest/session.ts";
import { guestOf } from "./details.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

/** Of one instance. Each may hold a buffer of 256 KiB, and a process in the guest. */
export const MAX_SESSIONS = 32;

export class Sessions implements SessionsApi {
  readonly #keeper: Keeper;
  /** By id, oldest first. Those that are being opened hold their id, and count. */
  readonly #all = new Map<string, { entry: Entry; session: Session | undefined }>();

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
  }

  list(instance: string): GuestSession[] {
    return this.#of(this.#keeper.find(instance, "list the sessions of")).map(({ facts }) => facts);
  }

  end(instance: string, id: string): GuestSession[] {
    const session = this.#find(instance, id, "end");
    session.close(new EngineError("cancelled", "the session was closed"));
    this.#all.delete(id);
    return this.list(instance);
  }

  async open(
    instance: string,
    request: ExecRequest,
    { id, resume = false, keepSeconds = SESSION_KEEP_SECONDS }: SessionRequest,
    signal: AbortSignal,
  ): Promise<GuestProcess> {
    if (resume) return this.#find(instance, id, "join").attach(signal, { keepSeconds });
    const entry = this.#keeper.find(instance, "open a session in");
    const guest = guestOf(entry);
    const run = entry.background?.signal;
    this.#refuse(entry, id, request);
    const held: { entry: Entry; session: Session | undefined } = { entry, session: undefined };
    this.#all.set(id, held);
    this.#keeper.serving.begin();
    try {
      const process = await opened(guest, request, signal);
      held.session = new Session(process, {
        ...{ id, argv: request.argv, keepSeconds },
        now: () => this.#keeper.now(),
      });
    } catch (error) {
      this.#forget(id, held);
      throw error;
    }
    const { session } = held;
    const stopped = () =>
      session.close(new EngineError("guest-unreachable", `the guest of ${nameOf(entry)} has ended`));
    if (!run || run.aborted) stopped();
    run?.addEventListener("abort", stopped, { once: true });
    void session.ended.then(() => {
      run?.removeEventListener("abort", stopped);
      this.#forget(id, held);
    });
    return session.attach(signal);
  }

  #refuse(entry: Entry, id: string, request: ExecRequest): void {
    const name = nameOf(entry);
    const cannot = `cannot open a session in ${name}`;
    if (!request.tty) throw new EngineError("invalid-argument", `${cannot}: it has no terminal`);
    if (this.#all.has(id)) throw new EngineError("already-exists", `${cannot}: its id is taken`);
    const held = [...this.#all.values()].filter((one) => one.entry === entry);
    if (held.length < MAX_SESSIONS) return;
    throw new EngineError("no-resources", `${cannot}: there are ${MAX_SESSIONS} already`, {
      hint: "Close terminals that are not needed.",
    });
  }

  #of(entry: Entry): Session[] {
    return [...this.#all.values()].flatMap((one) => (one.entry === entry ? (one.session ?? []) : []));
  }

  #find(instance: string, id: string, verb: string): Session {
    const entry = this.#keeper.find(instance, `${verb} a session of`);
    const known = this.#all.get(id);
    if (known?.entry === entry && known.session) return known.session;
    throw new EngineError("not-found", `cannot ${verb} the session: ${instance} has no session ${id}`, {
      hint: "It has ended; open a new one.",
    });
  }

  #forget(id: string, held: object): void {
    if (this.#all.get(id) === held) this.#all.delete(id);
    this.#keeper.serving.end();
  }
}

/** The signal ends the opening alone: what has been opened outlives it. */
async function opened(guest: GuestAccess, request: ExecRequest, signal: AbortSignal): Promise<GuestProcess> {
  signal.throwIfAborted();
  const opening = new AbortController();
  const follow = () => opening.abort(signal.reason);
  signal.addEventListener("abort", follow, { once: true });
  try {
    return await guest.exec({ signal: opening.signal }, request);
  } finally {
    signal.removeEventListener("abort", follow);
  }
}
