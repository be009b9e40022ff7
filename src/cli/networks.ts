/** networks: what of this host guests could be bridged to. */
import type { Command } from "commander";
import { type AnyFormat, FORMATS } from "./formats.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";

export function addNetworkCommands(program: Command, session: Session): void {
  formatOption(program.command("networks").description("List available network interfaces"), FORMATS).action(
    async ({ format }: { format: AnyFormat }) => {
      const { api } = await session.client();
      session.print(session.formats.networks((await api.networks.list()).items, format));
    },
  );
}
