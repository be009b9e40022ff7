/** Writes media/berth-yaml.schema.json, which editors check `berth.yaml` by, from its zod schema. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { PROJECT_SCHEMA_FILE, projectSchemaText } from "./project-schema-text.ts";

await writeFile(path.resolve(import.meta.dirname, "..", PROJECT_SCHEMA_FILE), projectSchemaText());
