/** screenshot: what the screen of an instance shows now. */
import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { toEngineError } from "../base/errors.ts";
import type { Session } from "./session.ts";

export function addScreenshotCommand(program: Command, session: Session): void {
  program
    .command("screenshot")
    .description("Save what the screen of a running instance shows, as a PNG")
    .argument("<name>", "the instance")
    .argument("<file>", "where to save it; - is standard output")
    .action(async (name: string, file: string) => {
      const { api } = await session.client();
      const { png } = await api.instances.screenshot({ name }, { signal: session.signal });
      const bytes = Buffer.from(png, "base64");
      if (file === "-") return void session.io.stdout.write(bytes);
      await writeFile(file, bytes).catch((error: unknown) => {
        throw toEngineError(error, `save ${file}`);
      });
    });
}
