/** Who asks. Every request has exactly one; the engine's own work has the owner. */
import type { Grant } from "../../api/access.ts";

/** Whoever can open the local endpoint: it lies in a directory that nobody else may enter. May do everything. */
export type Owner = { readonly kind: "owner"; readonly name: string };

export type User = {
  readonly kind: "user";
  readonly name: string;
  /** Those that the way in names, such as a login service's, beside those of the book. */
  readonly groups: readonly string[];
  readonly by: "token" | "certificate" | "login";
  /** Which of the user's tokens or certificates; with its end all that it has opened ends. */
  readonly credential: string;
  /** Of a token: what it may at most. Its rights are those that both this and its user's grants give. */
  readonly limit?: readonly Grant[] | undefined;
};

export type Principal = Owner | User;
