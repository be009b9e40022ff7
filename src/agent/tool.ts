/** What a tool for models is. One table of them serves the MCP server and the editor's language model tools. */
import * as z from "zod";
import { InstanceName } from "../api/instance-name.ts";
import type { Operation } from "../api/operation.ts";
import type { EngineApi, EngineClient } from "../client/engine-client.ts";

export type ToolContext = {
  /** Connects, and starts the engine, when it is first needed. */
  client: () => Promise<EngineClient>;
  signal: AbortSignal;
  /** Where this host remembers its sandboxes. */
  sandboxes: string;
  platform: NodeJS.Platform;
  onProgress?: ((text: string) => void) | undefined;
};

export type Hints = {
  /** It changes nothing. */
  readOnly: boolean;
  /** What it changes may be lost. */
  destructive: boolean;
  /** Twice is the same as once. */
  idempotent: boolean;
};

export type Tool<Input = unknown> = {
  name: string;
  title: string;
  /** For the model. */
  description: string;
  input: z.ZodObject;
  hints: Hints;
  /** It works within one instance, the property `instance` of its input. */
  inGuest: boolean;
  /** What a person is asked; the same input is the same question. Left out: nothing is asked. */
  question?: (input: Input) => string;
  /** Whether nothing may happen before somebody has agreed: it destroys, or it lets something reach further. */
  guarded?: (input: Input) => boolean;
  /** How long it may take. */
  timeoutMs: (input: Input) => number;
  run: (context: ToolContext, input: Input) => Promise<string>;
};

/** Types the input of `question` and `run` by the schema, then forgets it, as a table's rows must be alike. */
export function tool<Shape extends z.ZodObject>(
  row: Omit<Tool<z.output<Shape>>, "input" | "timeoutMs"> & {
    input: Shape;
    timeoutMs?: number | ((input: z.output<Shape>) => number);
  },
): Tool {
  const { timeoutMs = QUICK_MS } = row;
  const limit = typeof timeoutMs === "number" ? () => timeoutMs : timeoutMs;
  return { ...row, timeoutMs: limit } as Tool;
}

export const QUICK_MS = 60_000;
/** A boot under emulation takes minutes. */
export const POWER_MS = 900_000;

export const READS: Hints = { readOnly: true, destructive: false, idempotent: true };
export const ADDS: Hints = { readOnly: false, destructive: false, idempotent: false };
export const DESTROYS: Hints = { readOnly: false, destructive: true, idempotent: false };

export const Instance = InstanceName.describe("Name of the instance");

export const GuestPath = z
  .string()
  .min(1)
  .max(4096)
  .refine((text) => !text.includes("\0"), "a path has no NUL in it");

/** Begins an operation and follows it to its end. */
export async function operate(
  { client, signal, onProgress }: ToolContext,
  begin: (api: EngineApi, options: { signal: AbortSignal }) => Promise<Operation>,
): Promise<Operation> {
  const engine = await client();
  const operation = await begin(engine.api, { signal });
  return engine.watchOperation(operation, {
    signal,
    onProgress: ({ phase, message }) =>
      onProgress?.(`${operation.target}: ${phase}${message ? ` (${message})` : ""}`),
  });
}

/** With the warnings that an operation has left. */
export function told(text: string, { warnings }: Operation): string {
  return [text, ...warnings.map((warning) => `Warning: ${warning}`)].join("\n");
}

export function jsonText(value: unknown): string {
  return JSON.stringify(value, undefined, 2);
}
