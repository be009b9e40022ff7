import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { openApiText, routesText } from "../../../../scripts/openapi-document.ts";
import { Privilege } from "../../../../src/api/access.ts";

const FILE = path.resolve(import.meta.dirname, "../../../../openapi.json");

test("openapi.json is what the contract says; `npm run openapi` writes it", async () => {
  expect(await readFile(FILE, "utf8")).toBe(await openApiText());
});

test("the clients' routes are those of the contract", async () => {
  const file = path.resolve(import.meta.dirname, "../../../../src/client/routes.json");
  expect(await readFile(file, "utf8")).toBe(routesText());
});

test("every path has an error answer and tells its privilege", async () => {
  const { paths } = JSON.parse(await readFile(FILE, "utf8")) as {
    paths: Record<
      string,
      Record<string, { responses: object; "x-privilege"?: string; "x-touches"?: string }>
    >;
  };
  const operations = Object.values(paths).flatMap((path) => Object.values(path));
  expect(operations.length).toBeGreaterThan(20);
  for (const operation of operations) {
    expect(operation.responses).toHaveProperty("default");
    expect(Privilege.options).toContain(operation["x-privilege"]);
    expect(operation["x-touches"]).toMatch(/^[*]$|^[/]/);
  }
});
