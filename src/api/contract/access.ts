/** Who may use the engine. Its owner always may. */
import * as z from "zod";
import { procedure } from "./procedure.ts";

const Passphrase = z.string().max(1024);

export const access = {
  passphrase: procedure("GET", "/v1/access/passphrase", "system.view", "Whether a passphrase is set").output(
    z.object({ isSet: z.boolean() }),
  ),
  setPassphrase: procedure(
    "PUT",
    "/v1/access/passphrase",
    "system.config",
    "Set the passphrase that clients authenticate with; an empty one takes it away",
  )
    .input(z.object({ passphrase: Passphrase }))
    .output(z.object({})),
  authenticate: procedure("POST", "/v1/access/authenticate", "system.config", "Prove to know the passphrase")
    .input(z.object({ passphrase: Passphrase.min(1) }))
    .output(z.object({})),
};
