/** Files beneath the root of another machine: its links lead where they would there, and never out of it. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { directoryOf } from "../../../src/client/files/backup-files.ts";
import type { FileFacts } from "../../../src/client/files/guest-files.ts";
import { FileProblem } from "../../../src/client/files/problem.ts";
import { RootedFiles } from "../../../src/client/files/rooted-files.ts";

const ROOT = "/run/berth-backup/root";

/** Paths beneath the root: text of files, `-> target` for links, undefined for directories. */
function rooted(tree: Readonly<Record<string, string | undefined>>) {
  const asked: string[] = [];
  const nodes = new Map(
    Object.entries({ "": undefined, ...tree }).map(([at, node]) => [`${ROOT}${at}`, node]),
  );
  const nodeAt = (path: string): string | undefined => {
    asked.push(path);
    if (!nodes.has(path)) throw new FileProblem("not-found", `there is no ${path}`);
    return nodes.get(path);
  };
  const factsAt = (path: string): FileFacts => {
    const node = nodeAt(path);
    const link = node?.startsWith("-> ") ?? false;
    const kind = node === undefined ? "directory" : link ? "other" : "file";
    return { kind, link, size: node?.length ?? 0, modifiedMs: 0, readonly: true };
  };
  const files = new RootedFiles(
    {
      stat: async (path) => factsAt(path),
      linkAt: async (path) => /^-> (.*)$/s.exec(nodeAt(path) ?? "")?.[1],
      read: async (path) => Buffer.from(nodeAt(path) ?? ""),
      list: async (path) =>
        [...nodes.keys()]
          .filter((one) => one.startsWith(`${path}/`) && !one.slice(path.length + 1).includes("/"))
          .map((one): [string, FileFacts] => [one.slice(path.length + 1), factsAt(one)]),
    },
    ROOT,
  );
  return { files, asked };
}

const MACHINE = {
  "/etc": undefined,
  "/etc/hosts": "127.0.0.1",
  "/etc/resolv.conf": "-> ../run/resolv.conf",
  "/run": undefined,
  "/run/resolv.conf": "nameserver",
  "/var": undefined,
  "/var/run": "-> /run",
  "/out": "-> /../../../etc/hosts",
  "/loop": "-> loop",
  "/gone": "-> /nowhere",
};

test("links lead to where they would in that machine", async () => {
  const { files } = rooted(MACHINE);
  expect((await files.read("/etc/hosts")).toString()).toBe("127.0.0.1");
  expect((await files.read("/etc/resolv.conf")).toString()).toBe("nameserver");
  expect((await files.read("/var/run/resolv.conf")).toString()).toBe("nameserver");
  expect((await files.read("/out")).toString()).toBe("127.0.0.1");
  expect(await files.real("/var/run")).toBe(`${ROOT}/run`);
  expect(await files.stat("/var/run")).toMatchObject({ kind: "directory", link: true });
  expect(await files.stat("/gone")).toMatchObject({ kind: "other", link: true });
  const kinds = (await files.list("/")).map(
    ([name, { kind, link }]) => `${name} ${kind}${link ? " link" : ""}`,
  );
  expect(kinds.sort()).toEqual(
    [
      "etc directory",
      "gone other link",
      "loop other link",
      "out file link",
      "run directory",
      "var directory",
    ].sort(),
  );
});

test("what is wrong is told as of that machine", async () => {
  const { files } = rooted(MACHINE);
  await expect(files.read("/etc/nothing")).rejects.toMatchObject({
    kind: "not-found",
    message: "there is no /etc/nothing",
  });
  await expect(files.read("/loop")).rejects.toMatchObject({ message: "/loop leads in a circle" });
});

test("no path and no link leads out of it", async () => {
  const Part = fc.constantFrom("..", ".", "", "a", "b", "/", "etc");
  const Path = fc.array(Part, { maxLength: 8 }).map((parts) => parts.join("/"));
  await fc.assert(
    fc.asyncProperty(Path, Path, async (says, path) => {
      const { files, asked } = rooted({ "/a": `-> ${says}`, "/b": undefined });
      await files.read(path).catch(() => {});
      await files.stat(path).catch(() => {});
      for (const one of asked) {
        expect(one === ROOT || one.startsWith(`${ROOT}/`)).toBe(true);
        expect(one.split("/")).not.toContain("..");
      }
    }),
  );
});

test("a machine's root is meant, or what there is, or the volume that is named", async () => {
  const having = (...names: string[]) => ({
    list: async () => names.map((name): [string, FileFacts] => [name, {} as FileFacts]),
  });
  expect(await directoryOf(having("vdb1", "root"))).toBe(ROOT);
  expect(await directoryOf(having("vdb1"))).toBe("/run/berth-backup");
  expect(await directoryOf(having("vdb1", "root"), "vdb1")).toBe("/run/berth-backup/vdb1");
  await expect(directoryOf(having("vdb1"), "../etc")).rejects.toMatchObject({
    code: "not-found",
    hint: "There are: vdb1",
  });
});
