/** The part of `engine-core.ts` that is about what opens things: the engine's key, and the passphrase of clients. */
import type { KeyStatus } from "../api/keys.ts";

/** The engine's key. Each resolves when what it has changed is on disk. */
export interface KeysApi {
  status(): Promise<KeyStatus>;
  /** By the keychain where no passphrase is given, here and in `change`. `already-exists` where there is one. */
  init(passphrase: string | undefined): Promise<void>;
  unlock(passphrase: string | undefined): Promise<void>;
  lock(): Promise<void>;
  change(passphrase: string | undefined): Promise<void>;
  /** A text that makes it again on any host: a secret. */
  export(): Promise<string>;
  import(text: string, passphrase: string | undefined): Promise<void>;
  /** The passphrase that protects it, where one does. */
  rotate(passphrase: string | undefined): Promise<void>;
}

export interface PassphraseApi {
  readonly isSet: boolean;
  /** An empty text takes it away. */
  set(text: string): Promise<void>;
  /** `permission-denied` for another text, `wrong-state` where none is set. */
  verify(text: string): Promise<void>;
}
