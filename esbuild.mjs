// Builds every bundle into dist/. `node esbuild.mjs --watch` rebuilds on change; `--dev` keeps names and maps.
import { rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { build, context } from "esbuild";
import { writeL10nBundle } from "./scripts/lib/l10n.mjs";

const watch = process.argv.includes("--watch");
const dev = watch || process.argv.includes("--dev");

/** Options that all bundles share. `ssh2` loads its native helper lazily and works without it. */
const shared = {
  bundle: true,
  platform: "node",
  target: "node22",
  format: "cjs",
  minify: !dev,
  keepNames: true,
  sourcemap: dev ? "linked" : false,
  logLevel: "info",
  legalComments: "none",
  external: ["vscode", "cpu-features", "*.node"],
};

/**
 * Libraries that few commands need have files of their own: only to read them, unused, costs every command 6 ms of the
 * 45 that a short one takes. The extension's activation is spared them as well.
 */
const RARE = ["yaml", "zod", "tar-stream", "diff"];
const rareApart = {
  name: "rare-apart",
  setup({ onResolve }) {
    const path = new RegExp(`^(${RARE.join("|")})$`);
    onResolve({ filter: path }, ({ path }) => ({ path: `./lib/${path}.js`, external: true }));
  },
};

/** Of all that the manifest says, this is what programs read of it. */
const versionOfManifest = {
  name: "version-of-manifest",
  setup({ onLoad }) {
    onLoad({ filter: /package\.json$/ }, async ({ path: file }) =>
      path.resolve(file) === path.resolve("package.json")
        ? {
            contents: JSON.stringify({ version: JSON.parse(await readFile(file, "utf8")).version }),
            loader: "json",
          }
        : undefined,
    );
  },
};

/**
 * What libraries load of Node for uses that are not ours: of ws the framing alone is used, and its own handshake and
 * compression load HTTP, TLS, which reads every certificate of the system, and cryptography, 14 ms; commander programs of its own to
 * start, 2 ms.
 */
const LATE = { ws: ["http", "https", "tls", "zlib", "crypto"], commander: ["node:child_process"] };
const lateBuiltins = {
  name: "late-builtins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(${Object.values(LATE).flat().join("|")})$`) }, ({ path, importer }) => {
      const [, library] = /[\\/]node_modules[\\/](ws|commander)[\\/]/.exec(importer) ?? [];
      return LATE[library]?.includes(path) ? { path, namespace: "late" } : undefined;
    });
    // Functions that load it when they are called: libraries take them apart as they load themselves.
    onLoad({ filter: /.*/, namespace: "late" }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, {
        get: (_, name) => (...args) => process.getBuiltinModule("${path}")[name](...args),
      });`,
    }));
  },
};

/** The file that starts a program which lies beside it. */
const starter = (name) => ({
  ...shared,
  entryPoints: { [name]: "src/base/start.ts" },
  outdir: "dist",
  define: { PROGRAM: JSON.stringify(`./${name}.main.js`) },
  external: [...shared.external, `./${name}.main.js`],
});

const bundles = [
  { ...shared, entryPoints: { extension: "src/extension.ts" }, outdir: "dist", plugins: [rareApart] },
  starter("engine"),
  {
    ...shared,
    entryPoints: { "engine.main": "src/engine/main.ts" },
    outdir: "dist",
    plugins: [versionOfManifest],
  },
  {
    ...shared,
    entryPoints: { "repository-worker": "src/engine/backup/repository/worker.ts" },
    outdir: "dist",
  },
  { ...starter("cli"), banner: { js: "#!/usr/bin/env node" } },
  {
    ...shared,
    entryPoints: { "cli.main": "src/cli/main.ts" },
    outdir: "dist",
    keepNames: false, // 3 ms of a short command; its errors have names of their own.
    plugins: [rareApart, lateBuiltins, versionOfManifest],
  },
  { ...shared, entryPoints: { mcp: "src/mcp/main.ts" }, outdir: "dist", plugins: [versionOfManifest] },
  { ...shared, entryPoints: RARE, outdir: "dist/lib" },
  {
    ...shared,
    ...{ platform: "browser", target: "es2022", format: "iife" },
    entryPoints: { panel: "src/views/webview/panel/main.ts" },
    outdir: "dist/webview",
  },
  {
    ...shared,
    ...{ platform: "browser", target: "es2022", format: "esm" }, // noVNC awaits at its top level.
    entryPoints: { display: "src/views/webview/display/main.ts" },
    outdir: "dist/webview",
  },
];

rmSync("dist", { recursive: true, force: true });
for (const options of bundles) {
  if (watch) await (await context(options)).watch();
  else await build(options);
}
writeL10nBundle();
