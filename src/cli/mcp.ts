/** mcp: the tools for AI agents on standard input and output, and the skill that teaches their use. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import type { Session } from "./session.ts";

type Options = { instance?: string; skill?: boolean };

export function addMcpCommand(program: Command, session: Session): void {
  program
    .command("mcp")
    .description("Serve tools for AI agents: an MCP server on standard input and output")
    .option(
      "--instance <name>",
      "offer only what works within this instance, which agents then need not name",
    )
    .option("--skill", "print the skill that teaches an agent to work in a sandbox instead")
    .action(async ({ instance, skill }: Options) => {
      if (skill) return session.print(await readFile(skillFile(), "utf8"));
      if (instance !== undefined) process.env["BERTH_MCP_INSTANCE"] = instance;
      // A bundle of its own: its library is larger than this whole command. It takes Ctrl-C for itself.
      const release = session.takeInterrupts(() => {});
      const { ended } = (await import(pathToFileURL(path.join(__dirname, "mcp.js")).href)) as {
        ended: Promise<void>;
      };
      await ended.finally(release);
    });
}

function skillFile(): string {
  return path.join(__dirname, "..", "skills", "berth-sandbox", "SKILL.md");
}
