/** Tools for what an instance was: snapshots, going back to one, and what was changed in a sandbox. */
import * as z from "zod";
import { SnapshotComment, SnapshotName } from "../../api/snapshot.ts";
import { EngineError } from "../../base/errors.ts";
import { plainText } from "../../base/plain-text.ts";
import { CappedBytes, cappedText } from "../capped.ts";
import { beginSandbox } from "../sandbox/begin.ts";
import { countText, filesText } from "../sandbox/changes.ts";
import { diffText } from "../sandbox/diff-text.ts";
import { findSandbox } from "../sandbox/record.ts";
import { reviewSandbox } from "../sandbox/review.ts";
import { DESTROYS, Instance, operate, POWER_MS, type Tool, type ToolContext, told, tool } from "../tool.ts";
import { machineInput, machineSpec } from "./machine.ts";

const DIFF_BYTES = 128 * 2 ** 10;
const REVIEW_MS = 600_000;

const snapshot = tool({
  name: "take_snapshot",
  title: "Take a snapshot of an instance",
  description:
    "Keeps an instance's disks as they are now, to go back to with restore_snapshot. A running instance is stopped for that and started again: programs in it end.",
  input: z.object({
    instance: Instance,
    snapshot: SnapshotName.optional().describe("Its name; snapshotN when left out"),
    comment: SnapshotComment.default(""),
  }),
  hints: DESTROYS,
  inGuest: true,
  timeoutMs: POWER_MS,
  question: ({ instance }) =>
    `Take a snapshot of ${instance}? If it runs, it is stopped for that and started again: programs in it end.`,
  guarded: () => true,
  run: (context, { instance: name, snapshot: wanted, comment }) =>
    whileStopped(context, name, async () => {
      const one = { name, comment, ...(wanted === undefined ? {} : { snapshot: wanted }) };
      const done = await operate(context, (api, options) => api.snapshots.take(one, options));
      return told(`Snapshot taken: ${done.target}`, done);
    }),
});

const restore = tool({
  name: "restore_snapshot",
  title: "Roll an instance back",
  description:
    "Makes an instance what it was when a snapshot was taken. What it is now is kept in a snapshot of its own unless discard is set. A running instance is stopped for that and started again.",
  input: z.object({
    instance: Instance,
    snapshot: SnapshotName.describe("instance_info lists them; a sandbox has one called begin"),
    discard: z.boolean().default(false).describe("Do not keep what it is now"),
  }),
  hints: DESTROYS,
  inGuest: true,
  timeoutMs: POWER_MS,
  question: ({ instance, snapshot: to, discard }) =>
    `Roll ${instance} back to ${to}? ${
      discard
        ? "All that was changed in it since is lost."
        : "What it is now is kept in a snapshot of its own."
    } If it runs, it is stopped for that and started again: programs in it end.`,
  guarded: () => true,
  run: (context, { instance: name, snapshot: to, discard }) =>
    whileStopped(context, name, async () => {
      const one = { name, snapshot: to, destructive: discard };
      const done = await operate(context, (api, options) => api.snapshots.restore(one, options));
      return told(`${name} is what it was at ${to}.`, done);
    }),
});

/** One that ran runs again afterwards, also when the work has failed. */
async function whileStopped(
  context: ToolContext,
  name: string,
  work: () => Promise<string>,
): Promise<string> {
  const { api } = await context.client();
  const { state } = await api.instances.get({ name }, { signal: context.signal });
  if (state === "suspended") {
    throw new EngineError("wrong-state", `cannot use the snapshots of ${name}: it is suspended`, {
      hint: "Start it first.",
    });
  }
  if (state !== "running") return work();
  await operate(context, (engine, options) => engine.instances.stop({ name }, options));
  let text: string;
  try {
    text = await work();
  } catch (error) {
    // Whoever gives up meanwhile must find it as it was.
    const signal = AbortSignal.timeout(POWER_MS);
    await operate({ ...context, signal }, (engine, options) => engine.instances.start({ name }, options));
    throw error;
  }
  const done = await operate(context, (engine, options) => engine.instances.start({ name }, options));
  return told(`${text}\n${name} was stopped for that, and runs again.`, done);
}

const create = tool({
  name: "create_sandbox",
  title: "Make a sandbox of a folder",
  description:
    "Launches a throw-away instance with a copy of a folder of the user's computer in its home (what .gitignore names stays out). It reaches nothing beyond itself, and is kept in a snapshot called begin. What is changed there reaches the folder only when the user accepts it (berth sandbox accept). Takes minutes.",
  input: z.object({
    folder: z.string().min(1).max(4096).describe("Absolute path on the user's computer"),
    ...machineInput,
  }),
  hints: { readOnly: false, destructive: false, idempotent: false },
  inGuest: false,
  timeoutMs: 2 * POWER_MS,
  question: ({ folder }) =>
    `Launch an isolated instance and copy the files of ${folder} into it, where they can be read and changed?`,
  guarded: () => true,
  run: async (context, { folder, ...machine }) => {
    const { signal, sandboxes, platform, onProgress } = context;
    const warnings: string[] = [];
    const spec = machineSpec(machine);
    const made = await beginSandbox({
      ...{ client: await context.client(), folder, sandboxes, platform, spec, signal },
      onProgress: (target, { phase }) => onProgress?.(`${target}: ${phase}`),
      onWarning: (text) => warnings.push(text),
    });
    const { name } = made.instance;
    const { entries, directory } = made.record;
    const text = `Sandbox: ${name}. The project is in ~/${directory} there: ${filesText(entries.length)} of ${folder}.`;
    return [text, ...warnings.map((one) => `Warning: ${plainText(one)}`)].join("\n");
  },
});

const diff = tool({
  name: "sandbox_diff",
  title: "Show what was changed in a sandbox",
  description:
    "Shows what was changed in a sandbox's copy of the folder since it began, or since the user last accepted, as a unified diff. The sandbox must be running.",
  input: z.object({ instance: Instance }),
  hints: { readOnly: true, destructive: false, idempotent: true },
  inGuest: true,
  timeoutMs: REVIEW_MS,
  run: async ({ client, signal, sandboxes, platform }, { instance }) => {
    const engine = await client();
    const sandbox = await findSandbox(engine.api, sandboxes, instance);
    const review = await reviewSandbox(sandbox, { client: engine, platform, signal });
    try {
      const kept = new CappedBytes(DIFF_BYTES);
      kept.add(Buffer.from(await diffText(review)));
      const refused = review.refused.map(
        ({ path, reason }) => `${plainText(path)} can never leave it: ${reason}`,
      );
      return [`${instance}: ${countText(review.changes)}`, ...refused, cappedText(kept.value)]
        .join("\n")
        .trimEnd();
    } finally {
      await review.dispose();
    }
  },
});

export const STATE_TOOLS: readonly Tool[] = [snapshot, restore, create, diff];
