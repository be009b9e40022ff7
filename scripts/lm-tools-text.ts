/** The manifest's declaration of the language model tools, from the table that they are run by. */

import { LM_PREFIX } from "../src/agent/names.ts";
import { schemaOf, TOOLS } from "../src/agent/tools.ts";

/** The editor has its own way to say where a command runs: Lima's form is for other clients. */
const NOT_HERE = new Set(["run_shell_command"]);

export function languageModelTools(): object[] {
  return TOOLS.filter(({ name }) => !NOT_HERE.has(name)).map((tool) => ({
    name: `${LM_PREFIX}${tool.name}`,
    displayName: tool.title,
    userDescription: tool.title,
    modelDescription: tool.description,
    toolReferenceName: `${LM_PREFIX}${tool.name}`,
    canBeReferencedInPrompt: true,
    icon: "$(vm)",
    tags: ["berth", "virtual-machine"],
    inputSchema: schemaOf(tool),
  }));
}
