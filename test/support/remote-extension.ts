/** A remote extension as editors have it, as far as Berth can see one: its id and its settings. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { run } from "../../src/base/run.ts";

const VSCE = path.resolve(import.meta.dirname, "../../node_modules/@vscode/vsce/vsce");

/** Resolves with its VSIX, and what removes it. `id` is `publisher.name`. */
export async function remoteExtension(id: string): Promise<{ vsix: string; dispose: () => Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), "berth-remote-extension-"));
  const [publisher = "", name = ""] = id.split(".");
  const setting = { type: ["object", "string", "null"], default: null };
  const properties = {
    "remote.SSH.remotePlatform": { type: "object", default: {} },
    "remote.SSH.configFile": setting,
  };
  const manifest = {
    ...{
      publisher,
      name,
      version: "0.0.1",
      displayName: `Stands for ${id}`,
      engines: { vscode: "^1.100.0" },
    },
    ...{ license: "MIT", contributes: { configuration: { title: "Remote", properties } } },
  };
  const source = path.join(folder, "source");
  await mkdir(source);
  await writeFile(path.join(source, "package.json"), JSON.stringify(manifest));
  await writeFile(path.join(source, "README.md"), `Stands for ${id} in a test.\n`);
  await writeFile(path.join(source, "LICENSE"), "MIT\n");
  const vsix = path.join(folder, `${id}.vsix`);
  await run([process.execPath, VSCE, "package", "--allow-missing-repository", "--out", vsix], {
    cwd: source,
  });
  return { vsix, dispose: () => rm(folder, { recursive: true, force: true }) };
}
