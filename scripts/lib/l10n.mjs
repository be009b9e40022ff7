/**
 * Finds the texts that are translated: what stands in calls of `l10n.t`. A text that is no literal could not be found by
 * anybody who translates, so that it is an error.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const ROOT = path.resolve(import.meta.dirname, "../..");
const SRC = path.join(ROOT, "src");
/** Texts of the extension; the command and the engine speak English. */
const WHERE = ["extension.ts", "views/"];

/**
 * In the order of the alphabet, each the translation of itself, as vscode's bundles are.
 * @returns {Record<string, string>}
 */
export function l10nTexts() {
  const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => file.endsWith(".ts") && WHERE.some((one) => file.startsWith(one)));
  const texts = files.flatMap((file) => textsIn(readFileSync(path.join(SRC, file), "utf8"), file));
  return Object.fromEntries([...new Set(texts)].sort().map((text) => [text, text]));
}

/**
 * Throws where a call has no literal.
 * @param {string} source
 * @param {string} file for the message
 * @returns {string[]}
 */
export function textsIn(source, file) {
  // A file may take the function out of its object.
  const calls = /\bconst \{ t \} = (vscode\.)?l10n;/.test(source)
    ? /(?<![.\w])(vscode\.)?(l10n\.)?t\(\s*/g
    : /\bl10n\.t\(\s*/g;
  return [...source.matchAll(calls)].map((call) => {
    const rest = source.slice(call.index + call[0].length);
    const [literal] = /^"(?:[^"\\\n]|\\.)*"|^'(?:[^'\\\n]|\\.)*'|^`(?:[^`\\$]|\\.)*`/.exec(rest) ?? [];
    if (literal === undefined) {
      const line = source.slice(0, call.index).split("\n").length;
      throw new Error(`${file}:${line}: l10n.t takes a text as it is, with {0} for what changes`);
    }
    return literal.startsWith('"') ? JSON.parse(literal) : literal.slice(1, -1).replace(/\\(.)/g, "$1");
  });
}

/** What translators translate: `bundle.l10n.LANGUAGE.json` beside it is the translation. */
export function writeL10nBundle() {
  const directory = path.join(ROOT, "dist/l10n");
  mkdirSync(directory, { recursive: true });
  writeFileSync(path.join(directory, "bundle.l10n.json"), `${JSON.stringify(l10nTexts(), null, 2)}\n`);
}
