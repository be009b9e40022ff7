import type { IncomingMessage } from "node:http";
import { isContractProcedure } from "@orpc/contract";
import { describe, expect, test } from "vitest";
import { contract } from "../../../../src/api/contract.ts";
import type { EngineError } from "../../../../src/base/errors.ts";
import type { User } from "../../../../src/engine/access/principal.ts";
import { admit, type Door, identify, targetOf } from "../../../../src/engine/server/access.ts";

type Procedure = {
  path: string;
  method: string | undefined;
  privilege: string | undefined;
  touches: string | undefined;
};

function proceduresOf(router: object, path: string[] = []): Procedure[] {
  return Object.entries(router).flatMap(([key, value]) => {
    if (!isContractProcedure(value)) return proceduresOf(value as object, [...path, key]);
    const { meta, route } = value["~orpc"];
    return [
      {
        path: [...path, key].join("."),
        method: route.method,
        privilege: (meta as { privilege?: string }).privilege,
        touches: (meta as { touches?: string }).touches,
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
    expect(all.filter(({ privilege, touches }) => privilege === undefined || touches === undefined)).toEqual(
      [],
    );
  });

  test("only reading procedures ask for the right to look", () => {
    const looking = proceduresOf(contract).filter(({ privilege }) => privilege?.endsWith(".view"));
    const changing = looking.filter(({ method }) => method !== "GET").map((one) => one.path);
    // Everybody's own, which the engine's work on access looks at itself.
    expect(changing).toEqual(["access.addToken", "access.removeToken"]);
  });
});

const request = (headers: Record<string, string>) => ({ headers }) as unknown as IncomingMessage;

describe("admit", () => {
  const cases: [string, Record<string, string>, string][] = [
    ["a local client", { host: "localhost" }, "no error"],
    ["a local client by number", { host: "127.0.0.1:80" }, "no error"],
    ["a page", { host: "localhost", origin: "http://localhost" }, "permission-denied"],
    ["a sandboxed page", { host: "localhost", origin: "null" }, "permission-denied"],
    ["a page's image", { host: "localhost", "sec-fetch-site": "cross-site" }, "permission-denied"],
    ["a rebound name", { host: "evil.example" }, "permission-denied"],
    ["a name that begins well", { host: "localhost.evil.example" }, "permission-denied"],
    ["credentials in the name", { host: "localhost@evil.example" }, "permission-denied"],
    ["no name", {}, "permission-denied"],
  ];
  test.each(cases)("%s", (_, headers, expected) => {
    expect(codeOf(() => admit(request(headers)))).toBe(expected);
  });
});

describe("who asks", () => {
  const bob: User = { kind: "user", name: "bob", groups: [], by: "token", credential: "1" };
  const door = (token: string | undefined): Door => ({
    owner: { kind: "owner", name: "me" },
    token,
    holderOf: (text) => (text === "berth_good" ? bob : undefined),
  });
  const cases: [string, string | undefined, string | undefined, string][] = [
    ["nobody at a door without a token", undefined, undefined, "me"],
    ["no token", undefined, "t0ken", "unauthenticated"],
    ["a wrong token", "Bearer other", "t0ken", "unauthenticated"],
    ["the beginning of the right token", "Bearer t0ke", "t0ken", "unauthenticated"],
    ["the right token", "Bearer t0ken", "t0ken", "me"],
    ["another scheme", "Basic t0ken", "t0ken", "unauthenticated"],
    ["a user's token at the owner's door", "Bearer berth_good", undefined, "bob"],
    ["a user's token where one is needed", "Bearer berth_good", "t0ken", "bob"],
    ["a user's token that is not valid is never none", "Bearer berth_bad", undefined, "unauthenticated"],
    ["nor is anything else that is shown", "Bearer other", undefined, "unauthenticated"],
    ["nor is an empty one", "", undefined, "unauthenticated"],
  ];
  test.each(cases)("%s", (_, authorization, token, expected) => {
    const headers = authorization === undefined ? {} : { authorization };
    let name = "";
    const code = codeOf(() => {
      ({ name } = identify(request(headers), door(token)));
    });
    expect(code === "no error" ? name : code).toBe(expected);
  });
});

test("the record names what a request is about, and no more", () => {
  expect(targetOf({ name: "primary", userData: "secret" })).toBe("primary");
  expect(targetOf({ name: 7, id: "x" })).toBe("x");
  expect(targetOf({ name: "n".repeat(1000) })).toHaveLength(255);
  for (const nothing of [undefined, null, "text", 3, {}]) expect(targetOf(nothing)).toBeUndefined();
});
