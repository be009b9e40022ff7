/** What is offered and explained in a `berth.yaml`, from the published schema. `|` is where the cursor is. */
import { readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { PROJECT_SCHEMA_FILE } from "../../../../scripts/project-schema-text.ts";
import { checkProject } from "../../../../src/client/project/parse.ts";
import { explain, type Schema, suggest } from "../../../../src/views/project/schema-help.ts";

const ROOT = path.resolve(import.meta.dirname, "../../../..");
const schema = JSON.parse(readFileSync(path.join(ROOT, PROJECT_SCHEMA_FILE), "utf8")) as Schema;

function at(marked: string) {
  const offset = marked.indexOf("|");
  const text = marked.slice(0, offset) + marked.slice(offset + 1);
  return { text, offset, ...suggest(schema, text, offset) };
}
const labels = (marked: string) => at(marked).items.map(({ label }) => label);

/** The text after the first suggestion with this label was taken; `$0` is dropped. */
function taken(marked: string, label: string): string {
  const { text, from, to, items } = at(marked);
  const item = items.find((one) => one.label === label);
  const indent = /^ *(- )*/.exec(text.slice(text.lastIndexOf("\n", from - 1) + 1))?.[0].length ?? 0;
  const insert = item?.insert.replace("$0", "").replaceAll("\n", `\n${" ".repeat(indent)}`);
  return text.slice(0, from) + insert + text.slice(to);
}

const KEYS = ["image", "cpus", "memory", "disk", "zone", "disks", "display", "encrypted", "network"];
const ALL = [
  ...KEYS,
  "networks",
  "cloud-init",
  "user-data",
  "ports",
  "mounts",
  "snapshot",
  "provision",
  "depends-on",
];

test.each<[string, string[]]>([
  ["|", ["instances"]],
  ["inst|", ["instances"]],
  ["instances:\n  web:\n    |", ALL],
  ["instances:\n  web:\n    mem|\n", ALL],
  [
    "instances:\n  web:\n    image: x\n    |\n    cpus: 2\n",
    ALL.filter((k) => k !== "image" && k !== "cpus"),
  ],
  ["instances:\n  web: {|}", ALL],
  ["instances:\n  web: {cpus: 2, me|}", ALL.filter((key) => key !== "cpus")],
  ["instances:\n  web:\n    |ory: 2G\n", ALL],
  ["instances:\n  web:\n    provision:\n      - |", ["run", "always"]],
  ["instances:\n  web:\n    provision:\n      - run: x\n        |", ["always"]],
  ["instances:\n  web:\n    provision:\n      - run: x\n        always: |", ["true", "false"]],
  ["instances:\n  web:\n    image: |", ['"24.04"', "noble", "lts", "debian", '"docker:nginx:1.27"']],
  ["instances:\n  web:\n    image: no|", ['"24.04"', "noble", "lts", "debian", '"docker:nginx:1.27"']],
  ['instances:\n  web:\n    image: "|"', ['"24.04"', "noble", "lts", "debian", '"docker:nginx:1.27"']],
  ["instances:\n  web: {memory: |}", ["1G", "2G", "4G"]],
  ["instances:\n  web:\n    ports: |", ['["8080:80"]', '["53:53/udp"]']],
  ["instances:\n  web:\n    ports:\n      - |", ['"8080:80"', '"53:53/udp"']],
  ["instances:\n  web:\n    ports: [|]", ['"8080:80"', '"53:53/udp"']],
  ["instances:\n  db: {}\n  web:\n    depends-on: [|]", ["db"]],
  ["instances:\n  db: {}\n  web:\n    depends-on:\n      - |", ["db"]],
  ["instances:\n  db: {}\n  web:\n    depends-on: |", ["[db]"]],
  // Places where anything, or nothing that is known, may stand.
  ["instances:\n  |", []],
  ["instances:\n  web:\n    user-data: |", []],
  ["instances:\n  web:\n    cpu: |", []],
  ["instances:\n  web:\n    # |", []],
  ["instances:\n  web:\n    image: x |", []],
  ["# instances: |", []],
])("at %j: %j", (marked, wanted) => expect(labels(marked)).toEqual(wanted));

test.each([
  ["|", "instances", "instances:\n  "],
  ["instances:\n  web:\n    mem|", "memory", "instances:\n  web:\n    memory: "],
  ["instances:\n  web:\n    |ory: 2G", "memory", "instances:\n  web:\n    memory: 2G"],
  ["instances:\n  web:\n    po|", "ports", "instances:\n  web:\n    ports:\n      - "],
  ["instances:\n  web: {|}", "disks", "instances:\n  web: {disks: {}}"],
  ["instances:\n  web: {|}", "ports", "instances:\n  web: {ports: []}"],
  ['instances:\n  web:\n    image: "24|"\n', '"24.04"', 'instances:\n  web:\n    image: "24.04"\n'],
  ["instances:\n  web:\n    zone: z|one9", "zone2", "instances:\n  web:\n    zone: zone2"],
])("at %j, %s makes %j", (marked, label, text) => expect(taken(marked, label)).toBe(text));

test("every value that is offered is one that the file may have", () => {
  const offered = ALL.flatMap((key) =>
    labels(`instances:\n  web:\n    ${key}: |`).map((label) => [key, label]),
  );
  expect(offered.length).toBeGreaterThan(15);
  for (const [key, label] of offered)
    expect(checkProject(`instances:\n  web:\n    ${key}: ${label}\n`), `${key}: ${label}`).toMatchObject({
      findings: [],
    });
});

test("what is replaced surrounds the cursor, whatever is written", () => {
  const word = fc.constantFrom(
    "instances:",
    "web:",
    "\n",
    "  ",
    "- ",
    "image: ",
    "[",
    "]",
    "{",
    "}",
    '"',
    "x",
    "#",
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), fc.nat(60), (words, place) => {
      const text = words.join("");
      const offset = Math.min(place, text.length);
      const { from, to } = suggest(schema, text, offset);
      expect(from).toBeLessThanOrEqual(offset);
      expect(to).toBeGreaterThanOrEqual(offset);
      expect(text.slice(from, to)).not.toContain("\n");
      explain(schema, text, offset);
    }),
  );
});

test.each([
  ["instances:\n  web:\n    mem|ory: 2G\n", /^\*\*memory\*\* · text, such as `1G`.*\n\nMemory of the guest$/],
  ["instances:\n  web:\n    memory: 2|G\n", /^\*\*memory\*\*/],
  ["instances:\n  web:\n    cpus|: 2\n", /^\*\*cpus\*\* · whole number from 1 to 512/],
  ["instances:\n  web:\n    po|rts: ['80']\n", /^\*\*ports\*\* · list, of such as `8080:80`/],
  ["instances:\n  web: {depends-|on: [db]}\n", /Instances that have to be up first/],
  [
    "instances:\n  web:\n    provision:\n      - run: x\n        alw|ays: true",
    /true or false\n\nAt every `up`/,
  ],
  ["inst|ances: {}\n", /^\*\*instances\*\*/],
])("a hover at %j", (marked, words) => {
  const { text, offset } = at(marked);
  expect(explain(schema, text, offset)?.markdown).toMatch(words);
});

test.each(["instances:\n  web:\n    cpu|: 2\n", "instances:|\n\n  web: {}\n", "|\n"])(
  "nothing is explained at %j where there is nothing",
  (marked) => {
    const { text, offset } = at(marked);
    expect(explain(schema, text, offset)).toBeUndefined();
  },
);
