/** From the text of a `berth.yaml` to what it says, or to the first thing that is wrong, with line and column. Pure. */
import { LineCounter, parseDocument } from "yaml";
import { Project } from "../../api/project.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { type Place, placeOf } from "../../base/yaml-place.ts";
import { parseNetwork } from "../network-text.ts";

/** `file` is for messages. Throws `invalid-argument`. */
export function parseProject(text: string, file: string): Project {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const bad = (place: Place | undefined, reason: string) => {
    const where = place === undefined ? "" : `line ${place.line}, column ${place.column}: `;
    return new EngineError("invalid-argument", `cannot read ${file}: ${where}${reason}`, {
      hint: "Correct it there; docs/berth-yaml.md describes the file.",
    });
  };
  const [syntax] = document.errors;
  if (syntax) {
    const { line, col } = lines.linePos(syntax.pos[0]);
    throw bad({ line, column: col }, syntax.message);
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw bad(undefined, messageOf(error)); // An alias of nothing, or of too much.
  }
  const parsed = Project.safeParse(value ?? {});
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = (issue?.path ?? []) as (string | number)[];
    const keys = issue?.code === "unrecognized_keys" ? issue.keys : [];
    const where = path.join(".");
    throw bad(
      placeOf(document, lines, [...path, ...keys.slice(0, 1)]),
      `${where ? `${where}: ` : ""}${issue?.message}`,
    );
  }
  for (const [name, one] of Object.entries(parsed.data.instances)) {
    const at = (key: string) => placeOf(document, lines, ["instances", name, key]);
    if (one["cloud-init"] !== undefined && one["user-data"] !== undefined)
      throw bad(
        at("user-data"),
        `instances.${name}: cloud-init and user-data are both given; one of them is enough`,
      );
    for (const [index, text] of (one.networks ?? []).entries()) {
      const reason = reasonAgainst(text);
      const place = placeOf(document, lines, ["instances", name, "networks", index]);
      if (reason) throw bad(place, `instances.${name}.networks: ${reason}`);
    }
    const unknown = one["depends-on"]?.find((other) => !Object.hasOwn(parsed.data.instances, other));
    if (unknown !== undefined)
      throw bad(
        at("depends-on"),
        `instances.${name}.depends-on: there is no instance ${unknown} in this file`,
      );
  }
  const circle = circleIn(parsed.data);
  if (circle)
    throw bad(
      placeOf(document, lines, ["instances", circle[0] ?? "", "depends-on"]),
      `they wait for each other: ${circle.join(" → ")}`,
    );
  return parsed.data;
}

function reasonAgainst(network: string): string | undefined {
  try {
    parseNetwork(network);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Names that wait for each other, the first one again at the end; undefined where none do. */
function circleIn({ instances }: Project): string[] | undefined {
  const done = new Set<string>();
  const visit = (name: string, above: readonly string[]): string[] | undefined => {
    if (above.includes(name)) return [...above.slice(above.indexOf(name)), name];
    if (done.has(name)) return undefined;
    for (const next of instances[name]?.["depends-on"] ?? []) {
      const found = visit(next, [...above, name]);
      if (found) return found;
    }
    done.add(name);
    return undefined;
  };
  for (const name of Object.keys(instances)) {
    const found = visit(name, []);
    if (found) return found;
  }
  return undefined;
}
