// Runs inside the extension host of a desktop VS Code: CommonJS, because that host loads it with `require`.
const assert = require("node:assert");
const vscode = require("vscode");
const manifest = require("../../package.json");

exports.run = async function run() {
  const extension = vscode.extensions.getExtension(`${manifest.publisher}.${manifest.name}`);
  assert.ok(extension, "the extension is not installed");
  await extension.activate();
  assert.strictEqual(extension.isActive, true);
  const known = new Set(await vscode.commands.getCommands(true));
  const missing = manifest.contributes.commands.map(({ command }) => command).filter((id) => !known.has(id));
  assert.deepStrictEqual(missing, [], "commands without a handler");
};
