import { inspect } from "node:util";

/** A value that must never be printed. Every way of turning it into text gives `***`; `reveal` gives it back. */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return "***";
  }

  toJSON(): string {
    return "***";
  }

  [inspect.custom](): string {
    return "***";
  }
}

/** Keys whose values are secrets wherever they appear in a record. */
const SECRET_KEY = /privatekey|userdata|user-data|user_data|password|passwd|token|passphrase|secret/i;

/** A private key in PEM or OpenSSH armour, wherever it stands in a text. */
const ARMOURED_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;

/** Name and password in an address, and its query, which often is a signature. */
const ADDRESS_LOGIN = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'@]+@/gi;
const ADDRESS_QUERY = /\b(https?:\/\/[^\s"'?#]+)\?[^\s"'#]*/gi;

const MAX_DEPTH = 6;

/** A text without keys, and without what opens the addresses in it. */
export function redactText(text: string): string {
  return text.replace(ARMOURED_KEY, "***").replace(ADDRESS_LOGIN, "$1***@").replace(ADDRESS_QUERY, "$1?***");
}

/** A copy that is safe to print: secrets by type, by key name and by their look become `***`. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (value instanceof Secret) return "***";
  if (value === null || typeof value !== "object") return typeof value === "bigint" ? String(value) : value;
  if (value instanceof Date) return value.toISOString();
  if (depth >= MAX_DEPTH) return "…";
  if (value instanceof Error) return redactError(value, depth);
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      SECRET_KEY.test(key) && item !== undefined && item !== null ? "***" : redact(item, depth + 1),
    ]),
  );
}

function redactError(error: Error, depth: number): unknown {
  const { name, message, stack, cause } = error;
  const code = (error as NodeJS.ErrnoException).code;
  return {
    name,
    message: redact(message),
    ...(code === undefined ? {} : { code }),
    ...(stack === undefined ? {} : { stack: redact(stack) }),
    ...(cause === undefined ? {} : { cause: redact(cause, depth + 1) }),
  };
}
