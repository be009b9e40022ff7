/**
 * The instances as OpenSSH's hosts, in two files of our own: a block for each with its user and key, and their host
 * keys. Kept as the instances are, running or not, so that an `ssh web.berth` that starts one knows whom it will meet.
 */
import path from "node:path";
import { privateDirectory, writeFileDurable } from "../../base/durable.ts";
import { messageOf } from "../../base/errors.ts";
import type { SshFiles } from "../../base/paths.ts";
import { sshAliases } from "../../base/ssh-alias.ts";
import { sshPath } from "../../base/ssh-words.ts";
import type { EventStream } from "../engine-core.ts";
import { loginFiles } from "../guest/keys.ts";
import { expectedHostKeys, loginUser } from "../guest/seed.ts";
import type { Log } from "../log.ts";
import { hasLogin } from "./container.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

export type SshHost = { alias: string; user: string; keyFile: string; hostKeys: readonly string[] };

/** A user's name may come from a catalog, and must not become a line of its own. */
const USER = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;

export function hostsText(hosts: readonly SshHost[]): string {
  const blocks = hosts.map(({ alias, user, keyFile }) =>
    [
      `Host ${alias}`,
      `  User ${user}`,
      `  IdentityFile ${sshPath(keyFile)}`,
      `  HostKeyAlias ${alias}`,
      "",
    ].join("\n"),
  );
  return ["# Berth writes this file as its instances come and go.\n", ...blocks].join("\n");
}

export function knownHostsText(hosts: readonly SshHost[]): string {
  return hosts
    .flatMap(({ alias, hostKeys }) =>
      hostKeys.map((key) => `${alias} ${key.trim().split(/\s+/).slice(0, 2).join(" ")}\n`),
    )
    .join("");
}

type Parts = { keeper: Pick<Keeper, "entries" | "files">; files: SshFiles; log: Log };

export class SshHosts {
  readonly #parts: Parts;
  /** What an instance's keys are never changes. */
  readonly #logins = new Map<string, Pick<SshHost, "user" | "hostKeys">>();
  readonly #written = new Map<string, string>();
  #seen = "";

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Until the signal aborts. Never rejects: what cannot be written is logged, and tried at the next change. */
  async follow(events: EventStream, signal: AbortSignal): Promise<void> {
    try {
      for await (const event of events.subscribe({}, signal)) {
        const { type } = event;
        const ended = type === "operation" && event.operation.status !== "running";
        if (ended || type === "resync" || type === "instance" || type === "instance-removed")
          await this.#update();
      }
    } catch (error) {
      if (!signal.aborted) this.#parts.log.error("the instances' SSH hosts are not kept any more", { error });
    }
  }

  async #update(): Promise<void> {
    const entries = this.#parts.keeper
      .entries()
      .filter(({ record }) => record.state !== "deleted" && hasLogin(record.descriptor));
    const seen = entries.map((entry) => `${nameOf(entry)} ${this.#directory(entry)}`).join("\n");
    if (seen === this.#seen) return;
    const named = entries.map(({ record }) => record.descriptor);
    const aliases = sshAliases(named);
    const hosts: SshHost[] = [];
    for (const entry of entries) {
      const login = await this.#login(entry);
      const alias = aliases.get(entry.record.descriptor.id);
      if (!login || alias === undefined) continue;
      hosts.push({ ...login, alias, keyFile: loginFiles(this.#directory(entry)).keyFile });
    }
    hosts.sort((a, b) => (a.alias < b.alias ? -1 : 1));
    const { hosts: hostsFile, knownHosts } = this.#parts.files;
    const written = await Promise.all([
      this.#write(hostsFile, () => hostsText(hosts)),
      this.#write(knownHosts, () => knownHostsText(hosts)),
    ]);
    // An instance that is being made has its keys a little later.
    if (written.every(Boolean) && hosts.length === entries.length) this.#seen = seen;
  }

  #directory(entry: Entry): string {
    return this.#parts.keeper.files.directory(entry.record.descriptor.id);
  }

  async #login(entry: Entry): Promise<Pick<SshHost, "user" | "hostKeys"> | undefined> {
    const { id } = entry.record.descriptor;
    const known = this.#logins.get(id);
    if (known) return known;
    try {
      const secrets = await this.#parts.keeper.files.readSecrets(id);
      if (!secrets) return undefined;
      const { login, userData } = secrets;
      const user = loginUser(login, userData);
      if (!USER.test(user)) throw new Error(`${JSON.stringify(user)} cannot be a user`);
      const found = { user, hostKeys: await expectedHostKeys(login, userData) };
      this.#logins.set(id, found);
      return found;
    } catch (error) {
      this.#parts.log.debug("an instance is no SSH host", {
        instance: nameOf(entry),
        error: messageOf(error),
      });
      return undefined;
    }
  }

  async #write(file: string, make: () => string): Promise<boolean> {
    try {
      const text = make();
      if (this.#written.get(file) === text) return true;
      await privateDirectory(path.dirname(file));
      await writeFileDurable(file, text, 0o600);
      this.#written.set(file, text);
      return true;
    } catch (error) {
      this.#parts.log.warn("an SSH file could not be written", { file, error: messageOf(error) });
      return false;
    }
  }
}
