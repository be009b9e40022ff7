import type { IncomingMessage } from "node:http";
import { isContractProcedure } from "@orpc/contract";
import { describe, expect, test } from "vitest";
import { contract } from "../../../../src/api/contract.ts";
import type { EngineError } from "../../../../src/base/errors.ts";
import { admit, requirePrivilege, targetOf } from "../../../../src/engine/server/access.ts";

type Procedure = { path: string; method: string | undefined; privilege: string | undefined };

function proceduresOf(router: object, path: string[] = []): Procedure[] {
  return Object.entries(router).flatMap(([key, value]) => {
    if (!isContractProcedure(value)) return proceduresOf(value as object, [...path, key]);
    const { meta, route } = value["~orpc"];
    return [
      {
        path: [...path, key].join("."),
        method: route.method,
        privilege: (meta as { privilege?: string }).privilege,
      },
    ];
  });
}

const codeOf = (act: () => void): string => {
  try {
    act();
    return "no error";
  } catch (error) {
    return (error as EngineError).code;
  }
};

describe("privileges", () => {
  test("every procedure of the contract declares one", () => {
    const all = proceduresOf(contract);
    expect(all.length).toBeGreaterThan(20);
    expect(all.filter(({ privilege }) => privilege === undefined)).toEqual([]);
  });

  test("only reading procedures ask for the right to look", () => {
    const looking = proceduresOf(contract).filter(({ privilege }) => privilege?.endsWith(".view"));
    expect(looking.filter(({ method }) => method !== "GET")).toEqual([]);
  });

  test("a procedure without one is for nobody", () => {
    expect(codeOf(() => requirePrivilege({ name: "me", privileges: "all" }, undefined, "x"))).toBe(
      "internal",
    );
  });

  test("who lacks one is refused", () => {
    const viewer = { name: "viewer", privileges: new Set(["instance.view"] as const) };
    expect(codeOf(() => requirePrivilege(viewer, "instance.view", "look"))).toBe("no error");
    expect(codeOf(() => requirePrivilege(viewer, "instance.exec", "run"))).toBe("permission-denied");
  });
});

describe("admit", () => {
  const equal = (a: string, b: string) => a === b;
  const request = (headers: Record<string, string>) => ({ headers }) as unknown as IncomingMessage;
  const cases: [string, Record<string, string>, string | undefined, string][] = [
    ["a local client", { host: "localhost" }, undefined, "no error"],
    ["a local client by number", { host: "127.0.0.1:80" }, undefined, "no error"],
    ["a page", { host: "localhost", origin: "http://localhost" }, undefined, "permission-denied"],
    ["a sandboxed page", { host: "localhost", origin: "null" }, undefined, "permission-denied"],
    ["a page's image", { host: "localhost", "sec-fetch-site": "cross-site" }, undefined, "permission-denied"],
    ["a rebound name", { host: "evil.example" }, undefined, "permission-denied"],
    ["a name that begins well", { host: "localhost.evil.example" }, undefined, "permission-denied"],
    ["credentials in the name", { host: "localhost@evil.example" }, undefined, "permission-denied"],
    ["no name", {}, undefined, "permission-denied"],
    ["no token", { host: "localhost" }, "t0ken", "unauthenticated"],
    ["a wrong token", { host: "localhost", authorization: "Bearer other" }, "t0ken", "unauthenticated"],
    ["the right token", { host: "localhost", authorization: "Bearer t0ken" }, "t0ken", "no error"],
  ];
  test.each(cases)("%s", (_, headers, token, expected) => {
    expect(codeOf(() => admit(request(headers), token, equal))).toBe(expected);
  });
});

test("the record names what a request is about, and no more", () => {
  expect(targetOf({ name: "primary", userData: "secret" })).toBe("primary");
  expect(targetOf({ name: 7, id: "x" })).toBe("x");
  expect(targetOf({ name: "n".repeat(1000) })).toHaveLength(255);
  for (const nothing of [undefined, null, "text", 3, {}]) expect(targetOf(nothing)).toBeUndefined();
});
