import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function accessRoutes({ passphrase }: EngineCore) {
  const at = os.access;
  return {
    passphrase: at.passphrase.handler(() => ({ isSet: passphrase.isSet })),
    setPassphrase: at.setPassphrase.handler(async ({ input }) => {
      await passphrase.set(input.passphrase);
      return {};
    }),
    authenticate: at.authenticate.handler(async ({ input }) => {
      await passphrase.verify(input.passphrase);
      return {};
    }),
  };
}
