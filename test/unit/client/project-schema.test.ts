import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { PROJECT_SCHEMA_FILE, projectSchemaText } from "../../../scripts/project-schema-text.ts";

test("the published schema of berth.yaml is the one that is checked by: npm run project-schema", async () => {
  const file = path.resolve(import.meta.dirname, "../../..", PROJECT_SCHEMA_FILE);
  expect(await readFile(file, "utf8")).toBe(projectSchemaText());
});
