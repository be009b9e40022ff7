import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { extract, type Headers } from "tar-stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadedIn } from "../../../../../src/engine/drivers/oci/archives.ts";
import { basesIn } from "../../../../../src/engine/drivers/oci/build.ts";
import { openContext } from "../../../../../src/engine/drivers/oci/build-context.ts";
import { parseIgnore } from "../../../../../src/engine/drivers/oci/ignore.ts";

const ctx = { signal: new AbortController().signal };
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-context-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function files(contents: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(contents)) {
    await mkdir(path.dirname(path.join(directory, name)), { recursive: true });
    await writeFile(path.join(directory, name), text);
  }
}

async function entriesOf(
  file?: string,
): Promise<{ names: string[]; headers: Headers[]; dockerfile: string }> {
  const { tar, dockerfile } = await openContext(ctx, directory, file);
  const headers: Headers[] = [];
  for await (const entry of tar.pipe(extract())) {
    headers.push(entry.header);
    await buffer(entry);
  }
  return { names: headers.map(({ name }) => name.replace(/\/$/, "")), headers, dockerfile };
}

test.each([
  ["node_modules", ["node_modules", "node_modules/a/b"], ["src/node_modules", "node_modules2"]],
  ["*.log", ["a.log"], ["deep/a.log"]],
  ["**/*.log", ["a.log", "deep/er/a.log"], ["a.log2"]],
  ["**", ["a", "a/b/c"], []],
  ["a/**/z", ["a/z", "a/b/c/z", "a/z/under"], ["b/a/z"]],
  ["/dist/", ["dist", "dist/x"], ["a/dist"]],
  ["./tmp/../out", ["out/x"], ["tmp/x"]],
  ["a?c", ["abc"], ["a/c", "ac"]],
  ["[ab].txt", ["a.txt"], ["c.txt"]],
  ["[^ab].txt", ["c.txt"], ["a.txt", "/.txt"]],
  ["# a comment\n\n  spaced  ", ["spaced"], ["# a comment"]],
  ["*\n!keep", ["other"], ["keep", "keep/in"]],
  ["!keep\n*", ["keep"], []],
  ["docs\n!docs/*.md\ndocs/secret.md", ["docs/a.txt", "docs/secret.md"], ["docs/a.md"]],
  ["a\\*b", ["a*b"], ["axb"]],
  ["a.c", ["a.c"], ["abc"]],
])("the rules %j", (rules, out, kept) => {
  const { ignores } = parseIgnore(rules);
  expect(out.filter((name) => !ignores(name))).toEqual([]);
  expect(kept.filter(ignores)).toEqual([]);
});

test("a pattern that is none is told", () => {
  expect(() => parseIgnore("[abc")).toThrow('cannot read .dockerignore: "[abc" is no pattern');
});

test("whatever rules say, they are read or refused, and each path has an answer soon", () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a*?[\]!/.\\\n -]{0,20}$/),
      fc.stringMatching(/^[a/.]{1,20}$/),
      (rules, name) => {
        try {
          expect(typeof parseIgnore(rules).ignores(name)).toBe("boolean");
        } catch (error) {
          expect(error).toMatchObject({ code: "invalid-argument" });
        }
      },
    ),
  );
});

test("the directory goes as it is, links as links, and nobody's names", async () => {
  await files({ Dockerfile: "FROM scratch", "src/a.txt": "a", "src/empty": "" });
  await mkdir(path.join(directory, "z"));
  await symlink("/etc/passwd", path.join(directory, "link"));
  const server = net.createServer().listen(path.join(directory, "socket"));
  try {
    const { names, headers, dockerfile } = await entriesOf();
    expect(names.sort()).toEqual(["Dockerfile", "link", "src", "src/a.txt", "src/empty", "z"]);
    expect(dockerfile).toBe("Dockerfile");
    expect(headers.find(({ name }) => name === "link")).toMatchObject({
      type: "symlink",
      linkname: "/etc/passwd",
    });
    expect(headers.every(({ uid, gid }) => uid === 0 && gid === 0)).toBe(true);
  } finally {
    server.close();
  }
});

test("what is ignored stays here, but the build file and what the rules keep", async () => {
  await files({
    "build/Containerfile": "FROM scratch",
    ".dockerignore": "*\n!src/keep",
    "src/keep/a": "a",
    "src/drop": "b",
    secret: "c",
  });
  const { names, dockerfile } = await entriesOf("build/Containerfile");
  expect(names.sort()).toEqual(["build/Containerfile", "src/keep", "src/keep/a"]);
  expect(dockerfile).toBe("build/Containerfile");
});

test("Containerfile comes before Dockerfile, and .containerignore before .dockerignore", async () => {
  await files({
    Containerfile: "",
    Dockerfile: "",
    ".containerignore": "a",
    ".dockerignore": "b",
    a: "",
    b: "",
  });
  const { names, dockerfile } = await entriesOf();
  expect(dockerfile).toBe("Containerfile");
  expect(names).toContain("b");
  expect(names).not.toContain("a");
});

test("without a build file, or with one elsewhere, it says so", async () => {
  await expect(openContext(ctx, directory, undefined)).rejects.toMatchObject({
    code: "not-found",
    message: `cannot build ${directory}: there is no Containerfile and no Dockerfile in it`,
  });
  await expect(openContext(ctx, directory, "../Dockerfile")).rejects.toMatchObject({
    code: "invalid-argument",
  });
  await expect(openContext(ctx, directory, "absent")).rejects.toMatchObject({ code: "not-found" });
});

test("a context that is not wanted any more stops reading", async () => {
  await files({ Dockerfile: "x", big: "x".repeat(2 ** 22) });
  const { tar } = await openContext(ctx, directory, undefined);
  tar.destroy();
  await new Promise((resolve) => tar.once("close", resolve));
});

test("the images that a build file stands on, without its stages and arguments", () => {
  const text = `# syntax
ARG BASE=x
FROM --platform=linux/amd64 host:5000/base:1 AS build
from build as test
FROM $BASE
FROM scratch
COPY --chown=1:1 --from=host:5000/tools:2 /a /b
COPY --from=build /a /b
COPY --from=0 /a /b
FROM \\
  other
`;
  expect(basesIn(text)).toEqual(["host:5000/base:1", "host:5000/tools:2", "other"]);
});

test.each([
  ["Loaded image: localhost/a:1\n", ["localhost/a:1"]],
  ["Loaded image ID: sha256:12\n", ["sha256:12"]],
  ["Loaded image(s): a:1, b:2", ["a:1", "b:2"]],
  ["Loading layer", []],
])("%j says what was loaded", (words, names) => {
  expect(loadedIn(words)).toEqual(names);
});
