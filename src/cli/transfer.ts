/** transfer: files between this host and instances. */
import type { Command } from "commander";
import { EngineError } from "../base/errors.ts";
import { hostPlatform } from "../base/paths.ts";
import { withoutControls } from "../base/plain-text.ts";
import { checkPlaces, placeOf } from "../client/transfer/places.ts";
import type { Session } from "./session.ts";

export function addTransferCommand(program: Command, session: Session): void {
  program
    .command("transfer")
    .alias("copy-files")
    .description("Transfer files between the host and instances")
    .argument(
      "<paths...>",
      "sources, then the target: <instance>:<path>, a path of this host, or - for a stream",
    )
    .option("-r, --recursive", "directories with all that is in them")
    .option("-p, --parents", "make missing directories of the target")
    .action(async (paths: string[], options: { recursive?: boolean; parents?: boolean }) => {
      const places = paths.map((one) => placeOf(one, hostPlatform()));
      const target = places.pop();
      if (!target) throw new EngineError("invalid-argument", "cannot transfer: nothing is named");
      checkPlaces(places, target);
      const client = await session.client();
      const { transfer } = await import("../client/transfer/transfer.ts");
      const row = session.track(paths.at(-1) ?? "");
      try {
        await transfer(places, target, {
          client,
          recursive: options.recursive ?? false,
          parents: options.parents ?? false,
          platform: hostPlatform(),
          stdin: session.io.stdin,
          stdout: session.io.stdout,
          onProgress: (done, total) => row.show({ phase: "transfer", done, ...(total ? { total } : {}) }),
          onSkipped: (name) =>
            session.note(`warning: ${withoutControls(name)} is no file, directory or link: left out`),
          signal: session.signal,
        });
      } finally {
        row.end();
      }
    });
}
