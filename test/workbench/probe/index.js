// Calls language model tools as a chat would, inside the real extension host. What to call is read from a file, what
// came of it is written to another.
const { readFile, writeFile } = require("node:fs/promises");
const vscode = require("vscode");

exports.activate = (context) => {
  context.subscriptions.push(vscode.commands.registerCommand("probe.run", run));
};

async function run() {
  const file = process.env.PROBE_FILE;
  const { name, input } = JSON.parse(await readFile(file, "utf8"));
  await writeFile(`${file}.out`, JSON.stringify(await answer(name, input)));
}

async function answer(name, input) {
  if (name === "") return { tools: vscode.lm.tools.map((tool) => tool.name) };
  try {
    const result = await vscode.lm.invokeTool(name, { input, toolInvocationToken: undefined });
    return { text: result.content.map((part) => part.value).join("") };
  } catch (error) {
    return { error: String(error?.message ?? error) };
  }
}
