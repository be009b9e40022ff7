/** The table of tools: what a person is asked, what a model is told, and that front ends can rely on both. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { globMatcher } from "../../../src/agent/glob.ts";
import { failureText, inputOf, runTool, schemaOf, TOOLS, toolNamed } from "../../../src/agent/tools.ts";
import { EngineError } from "../../../src/base/errors.ts";
import { listed } from "../../../src/mcp/server.ts";

test("names are unique and fit every front end", () => {
  const names = TOOLS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(`berth_${name}`).toMatch(/^[a-z][a-z_]{3,40}$/);
});

test("whatever changes something by force asks first, and what reads asks nothing", () => {
  for (const one of TOOLS) {
    if (one.hints.readOnly)
      expect([one.name, one.question, one.guarded]).toEqual([one.name, undefined, undefined]);
    if (one.guarded || one.hints.destructive)
      expect([one.name, typeof one.question]).toEqual([one.name, "function"]);
    expect(one.inGuest).toBe(
      "instance" in one.input.shape && !["launch_instance", "create_sandbox"].includes(one.name),
    );
  }
});

test.each([
  [
    "delete_instance",
    { instance: "web" },
    "Stop web and move it to the trash? It can be recovered from there.",
  ],
  [
    "delete_instance",
    { instance: "web", purge: true },
    "Remove web for good, with its disks and snapshots? This cannot be undone.",
  ],
  [
    "restore_snapshot",
    { instance: "web", snapshot: "begin", discard: true },
    "Roll web back to begin? All that was changed in it since is lost. If it runs, it is stopped for that and started again: programs in it end.",
  ],
  [
    "forward_port",
    { instance: "web", guest_port: 80 },
    "Let programs of this computer connect to port 80 of web, by a port of 127.0.0.1?",
  ],
  [
    "exec",
    { instance: "web", argv: ["rm", "-rf", "a b", "\u001b[2J\u202e"] },
    "Run in web: rm -rf 'a b' '<U+202E>'",
  ],
  [
    "launch_instance",
    { image: "24.04", network: "default" },
    "Launch an instance from the image 24.04 with 1 CPU and 1024 MiB of memory? It will reach the Internet and whatever this computer reaches.",
  ],
])("%s %j asks: %s", (name, raw, question) => {
  const tool = toolNamed(name);
  expect(tool.question?.(inputOf(tool, raw))).toBe(question);
});

test("a launch needs consent only where it reaches further", () => {
  const launch = toolNamed("launch_instance");
  expect(launch.guarded?.(inputOf(launch, {}))).toBe(false);
  expect(launch.guarded?.(inputOf(launch, { network: "default" }))).toBe(true);
});

test.each([
  ["exec", { instance: "web" }, "argv"],
  ["exec", { instance: "we b", argv: ["x"] }, "Invalid instance name"],
  ["read_file", { instance: "web", path: "a\0b" }, "NUL"],
  ["read_file", { instance: "web", path: "a", max_bytes: 1e9 }, "max_bytes"],
  ["forward_port", { instance: "web", guest_port: 0 }, "guest_port"],
  ["no_such", {}, "no such tool"],
])("%s %j is refused: %s", (name, raw, reason) => {
  expect(() => inputOf(toolNamed(name), raw)).toThrow(reason);
});

test("any input is either refused with a reason or has a question that is one piece of plain text", () => {
  fc.assert(
    fc.property(fc.constantFrom(...TOOLS), fc.dictionary(fc.string(), fc.jsonValue()), (tool, raw) => {
      let input: unknown;
      try {
        input = inputOf(tool, { instance: "web", path: "p", argv: ["x"], ...raw });
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid-argument" });
        return;
      }
      if (tool.question) expect(tool.question(input).length).toBeGreaterThan(10);
    }),
  );
});

test("a failure reaches the model as words, its hint and its code, and nothing that a guest has put in", () => {
  const error = new EngineError("wrong-state", "cannot use \u001b[31mweb\u001b[0m: it is stopped", {
    hint: "Start it.",
  });
  expect(failureText(error)).toBe("cannot use web: it is stopped\nStart it.\n(wrong-state)");
});

test("a tool ends at its deadline, and when it is given up on", async () => {
  const never = {
    ...toolNamed("list_instances"),
    run: ({ signal }: { signal: AbortSignal }) => aborted(signal),
  };
  const context = {
    client: () => Promise.reject(new Error("unused")),
    sandboxes: "",
    platform: "linux" as const,
  };
  const { signal } = new AbortController();
  await expect(runTool({ ...never, timeoutMs: () => 20 }, {}, { ...context, signal })).rejects.toMatchObject({
    code: "timed-out",
  });
  const over = AbortSignal.abort();
  await expect(runTool(never, {}, { ...context, signal: over })).rejects.toMatchObject({ code: "cancelled" });
});

function aborted(signal: AbortSignal): Promise<string> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

test("what clients are shown is a schema of an object, with consent where it is needed", () => {
  for (const tool of TOOLS) {
    expect(schemaOf(tool)).toMatchObject({ type: "object" });
    const { inputSchema, annotations } = listed(tool, undefined);
    expect("confirm" in inputSchema.properties).toBe(tool.guarded !== undefined);
    expect(annotations.readOnlyHint).toBe(tool.hints.readOnly);
    expect(listed(tool, "web").inputSchema.properties).not.toHaveProperty("instance");
  }
});

test.each([
  ["**/*.ts", ["a.ts", "b/c/a.ts"], ["a.tsx", "a/ts"]],
  ["src/*.ts", ["src/a.ts"], ["src/b/a.ts", "a.ts"]],
  ["src/**", ["src/a", "src/b/c"], ["srcs/a"]],
  ["{a,b}/?.md", ["a/x.md", "b/y.md"], ["c/x.md", "a/xy.md"]],
  ["[a-c]*", ["abc", "c"], ["d", "x/abc"]],
  ["[!a]x", ["bx"], ["ax", "/x"]],
  ["a+(b).$", ["a+(b).$"], ["aab"]],
  ["{a", ["{a"], ["a"]],
])("the pattern %s", (pattern, yes, no) => {
  const matches = globMatcher(pattern);
  for (const name of yes) expect([name, matches(name)]).toEqual([name, true]);
  for (const name of no) expect([name, matches(name)]).toEqual([name, false]);
});

test("no pattern throws anything but that it is none, and a plain name matches itself", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 30 }), fc.string({ maxLength: 30 }), (pattern, name) => {
      try {
        globMatcher(pattern)(name);
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid-argument" });
      }
      if (/^[\w/.-]+$/.test(name)) expect(globMatcher(name)(name)).toBe(true);
    }),
  );
});

test("the skill is a skill: its name is its directory's, and every tool that it names is there", () => {
  const file = path.resolve(import.meta.dirname, "../../../skills/berth-sandbox/SKILL.md");
  expect(existsSync(file)).toBe(true);
  const text = readFileSync(file, "utf8");
  const [, name, description = ""] = /^---\nname: (.+)\ndescription: (.+)\n---\n/.exec(text) ?? [];
  expect(name).toBe("berth-sandbox");
  expect(description.length).toBeLessThan(1024);
  const named = [...text.matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)].map(([, one]) => one);
  expect(named.length).toBeGreaterThan(8);
  const known = [...TOOLS.flatMap((one) => [one.name, ...Object.keys(one.input.shape)])];
  for (const one of named) expect(known).toContain(one);
});
