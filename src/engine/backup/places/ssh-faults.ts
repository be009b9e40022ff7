/** Why an SSH server could not be entered, as a user must know it. */
import { EngineError, messageOf } from "../../../base/errors.ts";
import { keyPrint } from "../../../base/key-print.ts";
import { TransientError } from "../../transient.ts";
import { isKnown, type KnownKeys } from "./known-hosts.ts";
import { type Purpose, placeError } from "./place-error.ts";
import type { SshRoute, UserKeys } from "./ssh-user.ts";

export type Seen = { hostKey: Buffer | undefined };
type Circumstances = { route: SshRoute; known: KnownKeys; user: UserKeys; seen: Seen };

export function connectFault(
  purpose: Purpose,
  error: unknown,
  { route, known, user, seen }: Circumstances,
): Error {
  if (error instanceof EngineError) return error;
  const text = messageOf(error);
  if (seen.hostKey && !isKnown(known, seen.hostKey)) return hostKeyFault(purpose, route, known, seen.hostKey);
  if (/no matching host key/i.test(text)) {
    const hint = `Its keys may have been renewed. Look with \`${sshCommand(route)}\`.`;
    return placeError(
      "place-unreachable",
      purpose,
      "it no longer has a host key of a kind that is known here",
      hint,
    );
  }
  if ((error as { level?: string }).level === "client-authentication") {
    const locked = user.locked.map((file) => `\`ssh-add ${file}\``).join(", ");
    const hint = locked
      ? `Keys with a passphrase serve from an agent only: ${locked}, then try again.`
      : `\`${sshCommand(route)}\` must come in without a password: add a key of yours to its authorized_keys.`;
    return placeError(
      "unauthenticated",
      purpose,
      `it accepts no key of yours for the user ${route.user}`,
      hint,
      { cause: error },
    );
  }
  if (/subsystem/i.test(text)) {
    const hint = "Its SSH server must offer SFTP to this user.";
    return placeError("not-supported", purpose, "it offers no SFTP", hint, { cause: error });
  }
  return new TransientError(text.replace(/^Timed out while waiting for handshake$/, "it did not answer"), {
    cause: error,
  });
}

function hostKeyFault(purpose: Purpose, route: SshRoute, known: KnownKeys, key: Buffer): EngineError {
  const shown = keyPrint(key);
  const refuse = (reason: string, hint: string) =>
    placeError("place-unreachable", purpose, reason, hint, { details: { hostKey: shown } });
  if (known.revoked.some(({ blob }) => blob.equals(key)))
    return refuse(`its host key ${shown} is revoked`, "Your known_hosts says that nobody may trust it.");
  if (known.accepted.length > 0) {
    const hint = `If it was renewed, remove the old one by \`ssh-keygen -R '${route.knownAs}'\`, then connect once with \`${sshCommand(route)}\`. If not, somebody stands between.`;
    return refuse(`its host key has changed, to ${shown}`, hint);
  }
  const hint = `Connect once with \`${sshCommand(route)}\`, compare the key with the server's own, and accept it there.`;
  return refuse(`its host key ${shown} is not known`, hint);
}

function sshCommand({ host, port, user }: SshRoute): string {
  return `ssh ${port === 22 ? "" : `-p ${port} `}${user}@${host}`;
}
