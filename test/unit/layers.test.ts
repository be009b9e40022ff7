/** The layer rule of ARCHITECTURE.md as a table. A new arrow is an edit here, in a commit of its own. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const SRC = path.resolve(import.meta.dirname, "../../src");

/** What puts the engine together sees all floors. */
const COMPOSITION: readonly string[] = [
  "base",
  "api",
  "engine",
  "engine/access",
  "engine/backup",
  "engine/compose-work.ts",
  "engine/container-image-work.ts",
  "engine/doctor",
  "engine/drivers",
  "engine/guest",
  "engine/image-work.ts",
  "engine/images",
  "engine/instances",
  "engine/key-work.ts",
  "engine/keys",
  "engine/networks",
  "engine/operations.ts",
  "engine/settings.ts",
  "engine/storage",
  "engine/store",
];

/** Which layers a layer may import, itself included by nature. The longest matching prefix is a file's layer. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  base: [],
  api: ["base"],
  client: ["base", "api"],
  agent: ["base", "api", "client"],
  cli: ["base", "api", "client", "agent"],
  mcp: ["base", "api", "client", "agent"],
  views: ["base", "api", "client", "agent", "views/panel", "views/display"],
  "views/panel": ["base", "api", "client", "views"],
  "views/display": ["base", "api", "client", "views", "views/panel"],
  // Runs in a browser.
  "views/webview": ["api", "views/panel", "views/display"],
  "extension.ts": ["base", "api", "client", "views", "views/panel", "views/display"],
  // The engine's own floors, from the ground up. `engine` itself holds the seams that every floor may see.
  engine: ["base", "api", "engine/access", "engine/guest", "engine/drivers"],
  "engine/access": ["base", "api"],
  "engine/guest": ["base", "api", "engine"],
  "engine/networks": ["base", "api", "engine", "engine/drivers"],
  "engine/keys": ["base", "api"],
  "engine/store": ["base", "api", "engine", "engine/keys"],
  "engine/drivers": ["base", "api", "engine", "engine/guest", "engine/keys"],
  "engine/images": ["base", "api", "engine"],
  "engine/instances": [
    "base",
    "api",
    "engine",
    "engine/access",
    "engine/drivers",
    "engine/guest",
    "engine/images",
    "engine/keys",
    "engine/networks",
    "engine/operations.ts",
    "engine/store",
  ],
  "engine/backup": [
    "base",
    "api",
    "engine",
    "engine/access",
    "engine/drivers",
    "engine/guest",
    "engine/instances",
    "engine/keys",
    "engine/operations.ts",
    "engine/store",
  ],
  "engine/doctor": ["base", "api", "engine", "engine/networks"],
  "engine/storage": [
    "base",
    "api",
    "engine",
    "engine/images",
    "engine/instances",
    "engine/operations.ts",
    "engine/store",
  ],
  "engine/image-work.ts": ["base", "api", "engine", "engine/images", "engine/operations.ts", "engine/store"],
  "engine/compose-work.ts": ["base", "api", "engine", "engine/drivers"],
  "engine/key-work.ts": ["base", "api", "engine", "engine/instances", "engine/keys"],
  "engine/container-image-work.ts": [
    "base",
    "api",
    "engine",
    "engine/drivers",
    "engine/operations.ts",
    "engine/store",
  ],
  "engine/engine.ts": [
    ...COMPOSITION,
    "engine/engine-options.ts",
    "engine/host-facts.ts",
    "engine/live-engine.ts",
    "engine/subnet.ts",
  ],
  "engine/live-engine.ts": [...COMPOSITION, "engine/engine-options.ts"],
  "engine/engine-options.ts": COMPOSITION,
  "engine/host-facts.ts": COMPOSITION,
  "engine/subnet.ts": COMPOSITION,
  "engine/operations.ts": ["base", "api", "engine", "engine/access", "engine/store"],
  "engine/settings.ts": ["base", "api", "engine", "engine/store"],
  "engine/server": ["base", "api", "engine", "engine/access"],
  "engine/main.ts": [
    "base",
    "api",
    "engine",
    "engine/engine.ts",
    "engine/engine-options.ts",
    "engine/settings.ts",
    "engine/server",
    "engine/guest",
    "engine/images",
    "engine/drivers",
  ],
};

/** Modules that only the named files may import. */
const ONLY_IN: Record<string, RegExp> = {
  "node:child_process": /^base\/run\.ts$/,
  vscode: /^(views\/(?!webview\/).*|extension\.ts)$/,
  "node:sqlite": /^engine\/(store\/|lock\.ts$)/,
};

/** Words that only the named files may use. */
const WORDS_ONLY_IN: [RegExp, RegExp][] = [
  [
    /\bprocess\.platform\b/,
    /^(base\/paths\.ts|base\/(run|process-identity)\.ts|engine\/drivers\/[a-z]+\/host\.ts)$/,
  ],
  [
    /\b(fsync|fdatasync|renameSync)\(|\bfs\w*\.rename\b|\{[^{}]*\brename\b[^{}]*\} from "node:fs/,
    /^(engine\/guest\/sftp\/.*|base\/durable\.ts|views\/.*)$/,
  ],
  [/\.sync\(\)/, /^base\/durable\.ts$/],
];

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".ts"));

function layerOf(file: string): string {
  const layers = Object.keys(MAY_IMPORT).filter((layer) => file === layer || file.startsWith(`${layer}/`));
  return layers.sort((a, b) => b.length - a.length)[0] ?? "";
}

function importsOf(text: string): string[] {
  const statements = text.matchAll(
    /^\s*(?:import|export)\s[^;]*?from\s*"([^"]+)"|import\(\s*"([^"]+)"\s*\)|^import\s+"([^"]+)"/gm,
  );
  return [...statements].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

test("every file belongs to a layer", () => {
  expect(files.filter((file) => layerOf(file) === "")).toEqual([]);
  expect(files.length).toBeGreaterThan(10);
});

test("imports follow the table", () => {
  const broken: string[] = [];
  for (const file of files) {
    const from = layerOf(file);
    for (const target of importsOf(readFileSync(path.join(SRC, file), "utf8"))) {
      const only = ONLY_IN[target];
      if (only && !only.test(file)) broken.push(`${file} imports ${target}`);
      if (!target.startsWith(".") || target.endsWith("/package.json")) continue; // The manifest is data.
      const to = layerOf(path.posix.join(path.posix.dirname(file), target));
      if (to !== from && !MAY_IMPORT[from]?.includes(to))
        broken.push(`${file} (${from}) imports ${target} (${to})`);
    }
  }
  expect(broken).toEqual([]);
});

test("platform branches, fsync and rename stay where they belong", () => {
  const broken: string[] = [];
  for (const file of files) {
    const text = readFileSync(path.join(SRC, file), "utf8");
    for (const [word, where] of WORDS_ONLY_IN)
      if (word.test(text) && !where.test(file)) broken.push(`${file}: ${word}`);
  }
  expect(broken).toEqual([]);
});
