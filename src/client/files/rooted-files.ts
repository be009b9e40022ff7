/**
 * Files beneath a directory of a guest that is the root of another machine: links lead to where they would in that one, and
 * never out of it. For reading only.
 */
import { posix } from "node:path";
import type { FileFacts, GuestFiles } from "./guest-files.ts";
import { FileProblem } from "./problem.ts";

/** As many as Linux follows. */
const MOST_LINKS = 40;

export class RootedFiles {
  readonly #files: Pick<GuestFiles, "stat" | "list" | "read" | "linkAt">;
  readonly #root: string;

  constructor(files: Pick<GuestFiles, "stat" | "list" | "read" | "linkAt">, root: string) {
    this.#files = files;
    this.#root = root;
  }

  /** A link is told as what it leads to, `other` where that is nothing. */
  stat(path: string): Promise<FileFacts> {
    return this.#told(async () => {
      const own = await this.#real(path, false);
      const facts = await this.#files.stat(own);
      return facts.link ? this.#followed(path, facts) : facts;
    });
  }

  list(path: string): Promise<[name: string, facts: FileFacts][]> {
    return this.#told(async () => {
      const entries = await this.#files.list(await this.#real(path, true));
      return Promise.all(
        entries.map(async ([name, facts]): Promise<[string, FileFacts]> => {
          return [name, facts.link ? await this.#followed(posix.join("/", path, name), facts) : facts];
        }),
      );
    });
  }

  read(path: string): Promise<Buffer> {
    return this.#told(async () => this.#files.read(await this.#real(path, true)));
  }

  /** Where it lies in the guest. Rejects where there is nothing. */
  real(path: string): Promise<string> {
    return this.#told(async () => {
      const found = await this.#real(path, true);
      await this.#files.stat(found);
      return found;
    });
  }

  async #followed(path: string, facts: FileFacts): Promise<FileFacts> {
    try {
      return { ...(await this.#files.stat(await this.#real(path, true))), link: true };
    } catch (error) {
      if (error instanceof FileProblem) return { ...facts, kind: "other" };
      throw error;
    }
  }

  async #real(path: string, followLast: boolean): Promise<string> {
    const waiting = namesOf(path);
    let done: string[] = [];
    for (let links = 0, name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      if (name === "..") done.pop();
      else if (waiting.length === 0 && !followLast) done.push(name);
      else {
        const says = await this.#files.linkAt(this.#at([...done, name]));
        if (says === undefined) {
          done.push(name);
          continue;
        }
        links += 1;
        if (links > MOST_LINKS) throw new FileProblem("failed", `${path} leads in a circle`);
        if (says.startsWith("/")) done = [];
        waiting.unshift(...namesOf(says));
      }
    }
    return this.#at(done);
  }

  #at(names: readonly string[]): string {
    return [this.#root, ...names].join("/");
  }

  /** In the other machine's own words. */
  async #told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof FileProblem)) throw error;
      const message = error.message.replaceAll(`${this.#root}/`, "/").replaceAll(this.#root, "/");
      throw new FileProblem(error.kind, message);
    }
  }
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}
