/** Connections to the files of instances: made when something is asked for, shared, and closed after a while without. */
import { GuestFiles } from "./guest-files.ts";
import type { Sftp } from "./sftp.ts";

/** A connection that nobody asks anything of is closed, so that the engine may leave when it is idle. */
const IDLE_MS = 5 * 60_000;

type Session = { files: GuestFiles; sftp: Sftp; idle: NodeJS.Timeout; busy: number };

export class FileSessions {
  readonly #open: (id: string) => Promise<Sftp>;
  readonly #idleMs: number;
  readonly #sessions = new Map<string, Promise<Session>>();
  #disposed = false;

  constructor(open: (id: string) => Promise<Sftp>, idleMs = IDLE_MS) {
    this.#open = open;
    this.#idleMs = idleMs;
  }

  /** A connection that was lost is made anew at the next call. */
  async use<T>(id: string, work: (files: GuestFiles) => Promise<T>): Promise<T> {
    const session = await this.#session(id);
    session.busy += 1;
    try {
      return await work(session.files);
    } finally {
      session.busy -= 1;
      session.idle.refresh();
    }
  }

  dispose(): void {
    this.#disposed = true;
    for (const session of this.#sessions.values()) session.then(({ sftp }) => sftp.close()).catch(() => {});
  }

  #session(id: string): Promise<Session> {
    const known = this.#sessions.get(id);
    if (known) return known;
    const session = this.#connect(id);
    this.#sessions.set(id, session);
    const forget = () => {
      if (this.#sessions.get(id) === session) this.#sessions.delete(id);
    };
    session.then(({ sftp, idle }) => {
      void sftp.ended.then(() => {
        clearTimeout(idle);
        forget();
      });
    }, forget);
    return session;
  }

  async #connect(id: string): Promise<Session> {
    const sftp = await this.#open(id);
    if (this.#disposed) sftp.close();
    const whenIdle = () => (session.busy > 0 ? session.idle.refresh() : sftp.close());
    const session: Session = {
      ...{ files: new GuestFiles(sftp), sftp, busy: 0 },
      idle: setTimeout(whenIdle, this.#idleMs),
    };
    return session;
  }
}
