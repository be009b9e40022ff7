/** Names of instances in this host's hosts file: put in, renewed and taken out without a trace. */
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseLines } from "../../../src/cli/hosts.ts";
import { hostsFile, hostsLines, withNames, withoutNames } from "../../../src/cli/hosts-file.ts";
import { main } from "../../../src/cli/program.ts";
import { Session } from "../../../src/cli/session.ts";

const lines = ["127.77.1.9 db.berth", "127.77.2.8 web.berth"];

test("each instance has a loopback address of its own", () => {
  const instances = [
    { name: "web", address: "10.77.2.8" },
    { name: "db", address: "10.77.1.9" },
  ];
  expect(hostsLines(instances)).toEqual(lines);
  expect(parseLines(hostsLines(instances).join("\n"))).toEqual(lines);
});

test.each([
  "127.0.0.1 example.com",
  "10.1.2.3 web.berth",
  "127.1.2.3 web.berth www",
  "# x",
  "127.1.2.3 web.berth\r\r",
])("%j is no line of ours", (line) => expect(() => parseLines(line)).toThrow("it is not from berth hosts"));

test.each([
  ["linux", {}, "/etc/hosts"],
  ["darwin", {}, "/etc/hosts"],
  ["win32", {}, "C:\\Windows\\System32\\drivers\\etc\\hosts"],
  ["win32", { SystemRoot: "D:\\Win" }, "D:\\Win\\System32\\drivers\\etc\\hosts"],
] as [NodeJS.Platform, Record<string, string>, string][])("on %s it is %j %s", (platform, env, file) => {
  expect(hostsFile(platform, env)).toBe(file);
});

test("what is put in is taken out again to the byte, and renewed in its place", () => {
  const line = fc.oneof(fc.string(), fc.constantFrom("127.0.0.1 localhost", "", "# berth", "#end berth"));
  const text = fc
    .tuple(fc.array(line), fc.constantFrom("\n", "\r\n"), fc.boolean())
    .map(([all, newline, ends]) => all.join(newline) + (ends ? newline : ""));
  fc.assert(
    fc.property(text, fc.array(fc.constantFrom(...lines)), (before, some) => {
      const after = withNames(before, some);
      expect(withoutNames(after)).toBe(before);
      expect(withNames(withNames(before, []), some)).toBe(after);
      expect(withNames(after, some)).toBe(after);
    }),
  );
});

test("what others add behind it stays", () => {
  const after = withNames("127.0.0.1 localhost\n", lines);
  expect(after).toBe(
    "127.0.0.1 localhost\n# begin berth: names of instances\n127.77.1.9 db.berth\n127.77.2.8 web.berth\n# end berth\n",
  );
  expect(withoutNames(`${after}10.0.0.1 nas\n`)).toBe("127.0.0.1 localhost\n10.0.0.1 nas\n");
});

test("a damaged part is left alone", () => {
  const [begin, end] = ["# begin berth: names of instances", "# end berth"];
  for (const text of [begin, end, `${end}\n${begin}`, `${begin}\n${begin}\n${end}`])
    expect(() => withoutNames(text)).toThrow("Berth's part of it is damaged");
});

test("the file keeps its mode; a link and a refusal leave it as it is", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "berth-hosts-"));
  try {
    const [file, link, from] = ["hosts", "link", "from"].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(file, "127.0.0.1 localhost\n", { mode: 0o640 });
    await writeFile(from, lines.join("\n"));
    await symlink(file, link);
    const run = (...more: string[]) => main(["hosts", ...more], new Session());
    const install = ["--install", "--from", from];
    expect(await run(...install, "--file", file)).not.toBe(0);
    expect(await run(...install, "--yes", "--file", link)).not.toBe(0);
    expect(await readFile(file, "utf8")).toBe("127.0.0.1 localhost\n");
    expect(await run(...install, "--yes", "--file", file)).toBe(0);
    expect(await readFile(file, "utf8")).toBe(withNames("127.0.0.1 localhost\n", lines));
    expect((await stat(file)).mode & 0o777).toBe(0o640);
    expect(await run("--remove", "--yes", "--file", file)).toBe(0);
    expect(await readFile(file, "utf8")).toBe("127.0.0.1 localhost\n");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
