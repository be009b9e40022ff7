/** The rule of access: the table of roles as it was agreed, and random grants against a reference model. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AccessPath, type Grant, HOST_PRIVILEGES, Privilege } from "../../../src/api/access.ts";
import { covers, decide, decideAnywhere } from "../../../src/engine/access/decide.ts";
import { BUILT_IN_ROLES, type Roles, rolesWith } from "../../../src/engine/access/roles.ts";

const ORDER = ["auditor", "user", "operator", "backup-op", "project-admin", "admin"] as const;

/** A letter for each role of `ORDER` that holds the privileges: y holds, - does not. */
const TABLE: [string, string][] = [
  ["system.view project.view repository.view", "yyyyyy"],
  ["instance.view instance.metrics", "yyyyyy"],
  ["instance.console instance.exec instance.files.read instance.files.write instance.forward", "-yy-yy"],
  ["instance.power", "-yy-yy"],
  ["instance.create instance.delete instance.config", "--y-yy"],
  ["instance.clone instance.migrate", "--y-yy"],
  ["snapshot.create", "-yyyyy"],
  ["snapshot.rollback snapshot.delete", "--y-yy"],
  ["backup.create backup.verify", "--yyyy"],
  ["backup.restore", "--yyyy"],
  ["backup.prune", "---yyy"],
  ["network.use image.use", "-yy-yy"],
  ["network.edit image.add", "--y-yy"],
  ["project.edit access.delegate", "----yy"],
  ["secret.use", "-yyyyy"],
  ["secret.reveal", "-----y"],
  [HOST_PRIVILEGES.join(" "), "-----y"],
  ["repository.create repository.key system.config access.admin", "-----y"],
  ["audit.read", "y----y"],
];

describe("the built-in roles", () => {
  const roles = rolesWith([]);

  test.each(TABLE)("%s: %s", (privileges, marks) => {
    for (const privilege of privileges.split(" "))
      for (const [index, role] of ORDER.entries())
        expect([role, privilege, roles.get(role)?.has(Privilege.parse(privilege))]).toEqual([
          role,
          privilege,
          marks[index] === "y",
        ]);
  });

  test("the table has every privilege, and every role is in it", () => {
    expect(TABLE.flatMap(([privileges]) => privileges.split(" ")).sort()).toEqual(
      [...Privilege.options].sort(),
    );
    expect(BUILT_IN_ROLES.map(({ name }) => name)).toEqual([...ORDER]);
  });

  test("a custom role cannot take a built-in one's place", () => {
    const taken = rolesWith([{ name: "user", privileges: ["system.config"] }]);
    expect(taken.get("user")?.has("system.config")).toBe(false);
  });
});

describe("paths", () => {
  test.each([
    ["/", "/system", true],
    ["/projects/web", "/projects/web", true],
    ["/projects/web", "/projects/web/instances/a", true],
    ["/projects/web", "/projects/web2/instances/a", false],
    ["/projects/web/instances/a", "/projects/web", false],
    ["/projects/web/instances/a", "/projects/web/instances/ab", false],
  ])("%s covers %s: %s", (outer, inner, expected) => {
    expect(covers(outer, inner)).toBe(expected);
  });

  test.each([
    "",
    "projects",
    "/projects/",
    "/projects/../system",
    "/projects/a/b",
    "/system/x",
    "//",
    "/projects/a/instances/b/c",
  ])("%j is none", (text) => expect(AccessPath.safeParse(text).success).toBe(false));
});

const PATHS = [
  "/",
  "/system",
  "/images",
  "/repositories/r",
  "/projects",
  "/projects/a",
  "/projects/ab",
  "/projects/a/instances",
  "/projects/a/instances/x",
  "/projects/a/instances/xy",
  "/projects/ab/instances/x",
];
const CUSTOM = [{ name: "watcher", privileges: ["instance.view", "audit.read"] as Privilege[] }];

const path = fc.constantFrom(...PATHS);
const privilege = fc.constantFrom(...Privilege.options);
const grant = fc.record({
  path,
  may: fc.oneof(fc.constantFrom(...ORDER, "watcher", "unknown"), privilege),
  deny: fc.boolean(),
});

/** The same rule told otherwise: walk down the path, gather what is given and what is taken at each step. */
function reference(wanted: Privilege, at: string, grants: readonly Grant[], roles: Roles): boolean {
  const given = new Set<string>();
  const taken = new Set<string>();
  const steps = at.split("/").filter((step) => step !== "");
  for (let depth = 0; depth <= steps.length; depth += 1) {
    const here = `/${steps.slice(0, depth).join("/")}`;
    for (const one of grants) {
      if (one.path !== here) continue;
      const names = roles.has(one.may) ? [...(roles.get(one.may) as ReadonlySet<string>)] : [one.may];
      for (const name of names) (one.deny ? taken : given).add(name);
    }
  }
  return given.has(wanted) && !taken.has(wanted);
}

test("10,000 sets of grants are decided as the reference decides them", () => {
  const roles = rolesWith(CUSTOM);
  let allowed = 0;
  fc.assert(
    fc.property(fc.array(grant, { maxLength: 12 }), privilege, path, (grants, wanted, at) => {
      const decided = decide(wanted, at, grants, roles);
      if (decided) allowed += 1;
      expect(decided).toBe(reference(wanted, at, grants, roles));
    }),
    { numRuns: 10_000 },
  );
  expect(allowed).toBeGreaterThan(500);
});

test("what is held anywhere is held on a path that was granted", () => {
  const roles = rolesWith(CUSTOM);
  fc.assert(
    fc.property(fc.array(grant, { maxLength: 8 }), privilege, (grants, wanted) => {
      const somewhere = grants.some((one) => reference(wanted, one.path, grants, roles));
      expect(decideAnywhere(wanted, [grants], roles)).toBe(somewhere);
    }),
    { numRuns: 2000 },
  );
});

test("a further denial never allows more, a further grant never denies more", () => {
  const roles = rolesWith(CUSTOM);
  fc.assert(
    fc.property(fc.array(grant, { maxLength: 8 }), grant, privilege, path, (grants, more, wanted, at) => {
      const before = decide(wanted, at, grants, roles);
      const after = decide(wanted, at, [...grants, more], roles);
      expect(more.deny ? !before && after : before && !after).toBe(false);
    }),
    { numRuns: 2000 },
  );
});
