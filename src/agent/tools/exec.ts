/** Tools that run commands in a guest. */
import * as z from "zod";
import type { ExecOpen } from "../../api/streams.ts";
import { plainText } from "../../base/plain-text.ts";
import { cappedText } from "../capped.ts";
import { type GuestRun, runCapped } from "../in-guest.ts";
import { DESTROYS, GuestPath, Instance, jsonText, type Tool, tool } from "../tool.ts";

const OUTPUT_BYTES = 64 * 2 ** 10;
const MOST_OUTPUT_BYTES = 2 ** 20;
const TIMEOUT_SECONDS = 300;
const MOST_SECONDS = 3600;
/** So that the command's own time is over before the tool's is. */
const GRACE_MS = 10_000;

const Argv = z
  .array(z.string().max(128 * 1024))
  .min(1)
  .max(1000);
const Env = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string());
const Seconds = z.int().min(1).max(MOST_SECONDS).default(TIMEOUT_SECONDS);

const exec = tool({
  name: "exec",
  title: "Run a command in an instance",
  description:
    'Runs one command in a running instance as its default user and returns exit code, stdout and stderr. argv is the program and its arguments, without a shell between; for pipes and the like use ["bash", "-c", "…"]. Nothing can be typed into it. Long output keeps its beginning and its end.',
  input: z.object({
    instance: Instance,
    argv: Argv.describe("The program and its arguments"),
    cwd: GuestPath.optional().describe("In the guest; a relative one lies in the user's home"),
    env: Env.optional().describe("Added to the environment"),
    timeout_seconds: Seconds.describe("Then the command is ended"),
    max_output_bytes: z
      .int()
      .min(1000)
      .max(MOST_OUTPUT_BYTES)
      .default(OUTPUT_BYTES)
      .describe("Of each output"),
  }),
  hints: DESTROYS,
  inGuest: true,
  question: ({ instance, argv, cwd }) =>
    `Run in ${instance}${cwd === undefined ? "" : `, in ${cwd}`}: ${plainText(argv.map(shown).join(" "))}`,
  timeoutMs: ({ timeout_seconds }) => timeout_seconds * 1000 + GRACE_MS,
  run: async (context, { instance, argv, cwd, env, timeout_seconds, max_output_bytes }) => {
    const open = { argv, ...(cwd === undefined ? {} : { cwd }), ...(env === undefined ? {} : { env }) };
    const ran = await timed(context, instance, open, timeout_seconds, max_output_bytes);
    const ended = ran.code === undefined ? `ended by signal ${ran.signal}` : `exit code ${ran.code}`;
    const part = (name: string, text: string) =>
      text === "" ? [] : [`--- ${name} ---`, text.replace(/\n$/, "")];
    return [ended, ...part("stdout", cappedText(ran.stdout)), ...part("stderr", cappedText(ran.stderr))].join(
      "\n",
    );
  },
});

const shell = tool({
  name: "run_shell_command",
  title: "Run a command in an instance (Lima's form)",
  description:
    "The same as exec in the form of Lima's tool of this name: command is an array, directory where it runs. Returns JSON with stdout, stderr and exit_code.",
  input: z.object({
    instance: Instance,
    command: Argv.describe("The program and its arguments"),
    directory: GuestPath.describe("Where to run it, in the guest"),
    description: z.string().max(2000).optional().describe("What it is for"),
  }),
  hints: DESTROYS,
  inGuest: true,
  question: ({ instance, command, directory }) =>
    `Run in ${instance}, in ${directory}: ${plainText(command.map(shown).join(" "))}`,
  timeoutMs: TIMEOUT_SECONDS * 1000 + GRACE_MS,
  run: async (context, { instance, command, directory }) => {
    const ran = await timed(
      context,
      instance,
      { argv: command, cwd: directory },
      TIMEOUT_SECONDS,
      OUTPUT_BYTES,
    );
    const { code, signal } = ran;
    return jsonText({
      stdout: cappedText(ran.stdout),
      stderr: cappedText(ran.stderr),
      ...(code === undefined ? { error: `ended by signal ${signal}` } : { exit_code: code }),
    });
  },
});

function timed(
  context: Parameters<typeof runCapped>[0],
  instance: string,
  open: ExecOpen,
  seconds: number,
  maxBytes: number,
): Promise<GuestRun> {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(seconds * 1000)]);
  return runCapped({ ...context, signal }, instance, open, maxBytes);
}

/** As one would type it. */
function shown(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export const EXEC_TOOLS: readonly Tool[] = [exec, shell];
