/** From the text of a `berth.yaml` to what it says, or to what is wrong with it, with line and column. Pure. */
import { type Document, LineCounter, parseDocument } from "yaml";
import { Project } from "../../api/project.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { type Place, placeOf } from "../../base/yaml-place.ts";
import { parseNetwork } from "../network-text.ts";

export type Finding = {
  /** Absent where it is about the file as a whole. */
  place?: Place;
  reason: string;
  /** Whether it is no YAML, against the published schema, or what no schema can say. */
  about: "syntax" | "schema" | "meaning";
};

/** `project` is there when nothing was found. */
export type Checked = { project?: Project; findings: Finding[] };

type Path = readonly (string | number)[];

/** `file` is for messages. Throws `invalid-argument` with the first of what is wrong. */
export function parseProject(text: string, file: string): Project {
  const { project, findings } = checkProject(text);
  if (project) return project;
  const [{ place, reason } = { reason: "it says nothing" } as Finding] = findings;
  const where = place === undefined ? "" : `line ${place.line}, column ${place.column}: `;
  throw new EngineError("invalid-argument", `cannot read ${file}: ${where}${reason}`, {
    hint: "Correct it there; docs/berth-yaml.md describes the file.",
  });
}

/** All that is wrong, as far as it can be told: what is no YAML has no meaning to check. */
export function checkProject(text: string): Checked {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const syntax = document.errors.map(({ pos, message }): Finding => {
    const { line, col } = lines.linePos(pos[0]);
    return { place: { line, column: col }, reason: message, about: "syntax" };
  });
  if (syntax.length > 0) return { findings: syntax };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return { findings: [{ reason: messageOf(error), about: "syntax" }] }; // An alias of nothing, or of too much.
  }
  const place = (path: Path) => placeOf(document, lines, path);
  const parsed = Project.safeParse(value ?? {});
  if (!parsed.success) return { findings: parsed.error.issues.map((issue) => schemaFinding(issue, place)) };
  const findings = meaningFindings(parsed.data, place);
  return findings.length > 0 ? { findings } : { project: parsed.data, findings };
}

type Issue = NonNullable<ReturnType<typeof Project.safeParse>["error"]>["issues"][number];

function schemaFinding(issue: Issue, place: (path: Path) => Place): Finding {
  const path = issue.path as (string | number)[];
  const keys = issue.code === "unrecognized_keys" ? issue.keys : [];
  const where = path.join(".");
  const reason = `${where ? `${where}: ` : ""}${issue.message}`;
  return { place: place([...path, ...keys.slice(0, 1)]), reason, about: "schema" };
}

function meaningFindings(project: Project, place: (path: Path) => Place): Finding[] {
  const found: Finding[] = [];
  const add = (path: Path, reason: string) =>
    void found.push({ place: place(path), reason, about: "meaning" });
  for (const [name, one] of Object.entries(project.instances)) {
    const here = ["instances", name];
    if (one["cloud-init"] !== undefined && one["user-data"] !== undefined)
      add(
        [...here, "user-data"],
        `instances.${name}: cloud-init and user-data are both given; one of them is enough`,
      );
    for (const [index, text] of (one.networks ?? []).entries()) {
      const reason = reasonAgainst(text);
      if (reason) add([...here, "networks", index], `instances.${name}.networks: ${reason}`);
    }
    const unknown = one["depends-on"]?.find((other) => !Object.hasOwn(project.instances, other));
    if (unknown !== undefined)
      add(
        [...here, "depends-on"],
        `instances.${name}.depends-on: there is no instance ${unknown} in this file`,
      );
  }
  const circle = circleIn(project);
  if (circle)
    add(["instances", circle[0] ?? "", "depends-on"], `they wait for each other: ${circle.join(" → ")}`);
  return found;
}

/** Where each instance of the file begins; none where it is no YAML. */
export function placesOfInstances(text: string): Map<string, Place> {
  const lines = new LineCounter();
  const document: Document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const value: unknown = document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 100 });
  const instances = (value as { instances?: unknown } | undefined)?.instances;
  if (typeof instances !== "object" || instances === null) return new Map();
  return new Map(
    Object.keys(instances).map((name) => [name, placeOf(document, lines, ["instances", name])] as const),
  );
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
