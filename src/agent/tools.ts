/** The table of all tools, and the one way in which a front end runs one. */
import * as z from "zod";
import { withDeadline } from "../base/async.ts";
import { EngineError, toEngineError } from "../base/errors.ts";
import { plainText } from "../base/plain-text.ts";
import type { Tool, ToolContext } from "./tool.ts";
import { EXEC_TOOLS } from "./tools/exec.ts";
import { FILE_TOOLS } from "./tools/files.ts";
import { INSTANCE_TOOLS } from "./tools/instances.ts";
import { STATE_TOOLS } from "./tools/states.ts";

export const TOOLS: readonly Tool[] = [...INSTANCE_TOOLS, ...EXEC_TOOLS, ...FILE_TOOLS, ...STATE_TOOLS];

export function toolNamed(name: string): Tool {
  const found = TOOLS.find((one) => one.name === name);
  if (found) return found;
  throw new EngineError("not-found", `cannot use ${name}: there is no such tool`);
}

/** Throws `invalid-argument` with the first thing that is wrong. */
export function inputOf(tool: Tool, raw: unknown): unknown {
  const parsed = tool.input.safeParse(raw ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.length ? `${issue.path.join(".")}: ` : "";
  throw new EngineError(
    "invalid-argument",
    `cannot use ${tool.name}: ${where}${issue?.message ?? "invalid input"}`,
  );
}

/** Runs it with an end. The input has passed `inputOf`; whether somebody had to agree is the front end's to know. */
export async function runTool(tool: Tool, input: unknown, context: ToolContext): Promise<string> {
  const { signal, done } = withDeadline(tool.timeoutMs(input), context.signal);
  try {
    return await tool.run({ ...context, signal }, input);
  } catch (error) {
    if (context.signal.aborted)
      throw new EngineError("cancelled", `cannot use ${tool.name}: it was cancelled`);
    const reason = signal.aborted ? signal.reason : error;
    throw toEngineError(reason, reason === error ? undefined : `use ${tool.name}`);
  } finally {
    done();
  }
}

/** What the model reads of a failure. */
export function failureText(thrown: unknown): string {
  const { code, message, hint } = toEngineError(thrown);
  return plainText([message, ...(hint === undefined ? [] : [hint]), `(${code})`].join("\n"));
}

/** JSON Schema of a tool's input, as front ends publish it. */
export function schemaOf(tool: Tool): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(tool.input, { io: "input" }) as Record<string, unknown>;
  return schema;
}
