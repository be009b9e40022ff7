/** sandbox: a throw-away instance with a copy of a folder in it, and what becomes of the changes made there. */
import type { Command } from "commander";
import { countText, filesText, isObeyed } from "../agent/sandbox/changes.ts";
import type { Review } from "../agent/sandbox/review.ts";
import type { LaunchSpec } from "../api/instance.ts";
import type { NetworkMode } from "../api/network-mode.ts";
import { EngineError } from "../base/errors.ts";
import { currentPaths, hostPlatform } from "../base/paths.ts";
import { parseSize } from "../base/units.ts";
import { parseMode } from "../client/network-text.ts";
import { type Format, json, table } from "./format.ts";
import { formatOption, wholeNumber } from "./options.ts";
import { confirm } from "./question.ts";
import type { Session } from "./session.ts";

type BeginOptions = {
  name?: string;
  image?: string;
  cpus?: number;
  memory?: string;
  disk?: string;
  network?: NetworkMode;
  cloudInit?: string;
};

const records = () => import("../agent/sandbox/record.ts");

export function addSandboxCommands(program: Command, session: Session): void {
  const sandbox = program
    .command("sandbox")
    .description("Make a throw-away instance with a copy of a folder in it")
    .argument("[dir]", "the folder; what its .gitignore names stays here", ".")
    .option("-n, --name <name>", "name of the instance; generated when left out")
    .option("--image <image>", "what to launch", "default")
    .option("-c, --cpus <cpus>", "number of CPUs (default: 1)", wholeNumber("CPUs"))
    .option("-m, --memory <size>", "memory, such as 512M or 2G (default: 1G)")
    .option("-d, --disk <size>", "disk, such as 20G (default: 5G)")
    .option(
      "--network <mode>",
      "what it reaches: nothing (isolated), whatever this host does (nat, default), or private:NAME",
      parseMode,
    )
    .option("--cloud-init <file>", "cloud-init user-data: a file, a URL, or - for standard input")
    .action((dir: string, options: BeginOptions) => begin(session, dir, options));
  formatOption(sandbox.command("list").description("List the sandboxes")).action(
    async ({ format }: { format: Format }) => list(session, format),
  );
  sandbox
    .command("diff")
    .description("Show what was changed in a sandbox, as a unified diff")
    .argument("<name>", "the sandbox, running")
    .action((name: string) => showDiff(session, name));
  sandbox
    .command("accept")
    .description("Make the sandbox's changes in the folder that it came from")
    .argument("<name>", "the sandbox, running")
    .option("-y, --yes", "do not ask")
    .action((name: string, { yes }: { yes?: boolean }) => acceptChanges(session, name, yes ?? false));
  sandbox
    .command("discard")
    .description("Remove a sandbox and all that was done in it")
    .argument("<name>", "the sandbox")
    .option("-y, --yes", "do not ask")
    .action((name: string, { yes }: { yes?: boolean }) => discard(session, name, yes ?? false));
}

async function begin(session: Session, folder: string, options: BeginOptions): Promise<void> {
  const { beginSandbox } = await import("../agent/sandbox/begin.ts");
  const { sandboxesIn } = await records();
  const { name, image, cpus, memory, disk, network, cloudInit } = options;
  const spec: LaunchSpec = {
    ...(image === undefined ? {} : { image }),
    ...(name === undefined ? {} : { name }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(network === undefined ? {} : { network }),
    ...(memory === undefined ? {} : { memoryBytes: parseSize(memory) }),
    ...(disk === undefined ? {} : { diskBytes: parseSize(disk, "disk") }),
    ...(cloudInit === undefined ? {} : { userData: await session.userData(cloudInit) }),
  };
  const row = session.track(name ?? folder);
  try {
    const { instance, record } = await beginSandbox({
      ...{ client: await session.client(), folder, spec, signal: session.signal, platform: hostPlatform() },
      sandboxes: sandboxesIn(currentPaths()),
      onProgress: (_target, progress) => row.show(progress),
      onWarning: (text) => session.note(`warning: ${text}`),
    });
    row.end();
    session.print(`Sandbox: ${instance.name}`);
    session.note(
      `The project is in ~/${record.directory} there: ${filesText(record.entries.length)} of ${record.folder}.`,
    );
    session.note(`Then: berth sandbox diff ${instance.name}, and accept or discard.`);
  } finally {
    row.end();
  }
}

async function list(session: Session, format: Format): Promise<void> {
  const { listSandboxes, sandboxesIn } = await records();
  const { api } = await session.client();
  const { found, orphans } = await listSandboxes(api, sandboxesIn(currentPaths()));
  const rows = found.map(({ instance, record }) => ({
    name: instance.name,
    state: instance.state,
    folder: record.folder,
  }));
  if (format === "json") session.print(json({ sandboxes: rows, orphans }));
  else if (rows.length === 0) session.print("No sandboxes found.\n");
  else
    session.print(
      table(
        ["Name", "State", "Folder"],
        rows.map((row) => [row.name, row.state, row.folder]),
      ),
    );
  for (const place of format === "json" ? [] : orphans)
    session.note(`The instance of the sandbox in ${place} is gone: that directory is of no use any more.`);
}

async function reviewed<T>(session: Session, name: string, use: (review: Review) => Promise<T>): Promise<T> {
  const { findSandbox, sandboxesIn } = await records();
  const { reviewSandbox } = await import("../agent/sandbox/review.ts");
  const client = await session.client();
  const sandbox = await findSandbox(client.api, sandboxesIn(currentPaths()), name);
  const { signal } = session;
  const review = await reviewSandbox(sandbox, { client, platform: hostPlatform(), signal });
  try {
    for (const { path, reason } of review.refused)
      session.note(`warning: ${path} stays in the sandbox: ${reason}`);
    return await use(review);
  } finally {
    await review.dispose();
  }
}

async function showDiff(session: Session, name: string): Promise<void> {
  await reviewed(session, name, async (review) => {
    const { diffText } = await import("../agent/sandbox/diff-text.ts");
    const { plainText } = await import("../base/plain-text.ts");
    const text = await diffText(review);
    // A terminal must not do what a guest's file says; what reads a pipe gets the bytes as they are.
    if (text !== "") session.print(session.io.stdout.isTTY ? plainText(text) : text);
    session.note(`${name}: ${countText(review.changes)}`);
  });
}

async function acceptChanges(session: Session, name: string, yes: boolean): Promise<void> {
  await reviewed(session, name, async (review) => {
    const { accept, planAccept } = await import("../agent/sandbox/accept.ts");
    const { folder } = review.sandbox.record;
    const plan = await planAccept(review, hostPlatform());
    if (plan.steps.length === 0 && plan.obstacles.length === 0) {
      await accept(review, plan, session.signal);
      return session.print(`${folder} has all of it already: nothing is to be done.`);
    }
    for (const { change } of plan.steps) {
      const obeyed = isObeyed(change.path) ? "   (programs of this computer obey it: look at it)" : "";
      session.note(`  ${change.kind} ${change.path}${obeyed}`);
    }
    if (plan.obstacles.length === 0 && !yes) {
      const question = `Make these changes in ${folder}? ${countText(plan.steps.map(({ change }) => change))}`;
      if (!(await confirm(session, question, { fallback: false }))) throw notAsked("accept", name);
    }
    await accept(review, plan, session.signal);
    session.print(`Accepted into ${folder}: ${countText(plan.steps.map(({ change }) => change))}`);
  });
}

async function discard(session: Session, name: string, yes: boolean): Promise<void> {
  const { findSandbox, forget, sandboxesIn } = await records();
  const { api } = await session.client();
  const { place } = await findSandbox(api, sandboxesIn(currentPaths()), name);
  const question = `Remove ${name} for good, with all that was done in it?`;
  if (!yes && !(await confirm(session, question, { fallback: false }))) throw notAsked("discard", name);
  await session.operate((engine) => engine.instances.delete({ name, purge: true }));
  await forget(place);
  session.print(`Discarded: ${name}`);
}

function notAsked(verb: string, name: string): EngineError {
  return new EngineError("cancelled", `cannot ${verb} ${name}: it was not confirmed`, {
    hint: "--yes does it without a question.",
  });
}
