/** iso: what is in the CD-ROM drive of a guest that has one. */
import type { Command } from "commander";
import { mediumReference } from "./machine-options.ts";
import type { Session } from "./session.ts";

const EJECT = "eject";

export function addIsoCommands(program: Command, session: Session): void {
  program
    .command("iso")
    .description("Put an ISO into the drive of an instance, or eject it")
    .argument("<name>", "the instance")
    .argument("<file>", `a file, a URL, or ${EJECT}; ./${EJECT} is the file of that name`)
    .action(async (name: string, file: string) => {
      if (file === EJECT) await session.operate((api) => api.media.eject({ name }));
      else await session.operate((api) => api.media.insert({ name, reference: mediumReference(file) }));
    });
}
