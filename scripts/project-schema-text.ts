/** The JSON schema of `berth.yaml`, as text. */
import * as z from "zod";
import { Project } from "../src/api/project.ts";

export const PROJECT_SCHEMA_FILE = "media/berth-yaml.schema.json";

export function projectSchemaText(): string {
  const schema = z.toJSONSchema(Project, { io: "input", target: "draft-7" });
  return `${JSON.stringify({ title: "berth.yaml", ...schema }, null, 2)}\n`;
}
