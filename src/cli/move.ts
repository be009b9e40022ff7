/** move, copy: an instance from this engine to another one. */
import path from "node:path";
import { type Command, Option } from "commander";
import type { Instance } from "../api/instance.ts";
import { EngineError } from "../base/errors.ts";
import type { Destination, Worker } from "../client/move/destination.ts";
import type { MovePlan } from "../client/move/plan.ts";
import { table } from "./format.ts";
import { confirm } from "./question.ts";
import type { Session } from "./session.ts";

type Options = { to?: string; name?: string; yes?: boolean; plan?: boolean };
type MoveOptions = Options & { confirm?: boolean; undo?: boolean; force?: boolean };

const TARGETS = `
TARGET is a directory (BERTH_HOME of another engine) or an engine's socket; ssh:me@host, whose berth is asked;
or repository:NAME, from which whoever is at the other engine restores it.`;

export function addMoveCommands(program: Command, session: Session): void {
  const move = program
    .command("move")
    .description("Move a VM to another engine; the source stays until that is confirmed");
  options(move)
    .addOption(
      new Option("--confirm", "it is there alone from now on: the source goes to the trash").conflicts("to"),
    )
    .addOption(
      new Option("--undo", "take the move back: the source is what it was").conflicts(["to", "confirm"]),
    )
    .addOption(
      new Option(
        "--force",
        "with --undo: leave what is there as it is, and do not ask that engine",
      ).conflicts("to"),
    )
    .action((name: string, how: MoveOptions) =>
      how.confirm || how.undo ? settle(session, name, how) : bring(session, "move", name, how),
    );
  options(program.command("copy").description("Copy a VM to another engine, as it runs or rests")).action(
    (name: string, how: Options) => bring(session, "copy", name, how),
  );
}

function options(command: Command): Command {
  return command
    .argument("<name>", "the instance")
    .option("--to <target>", "where to")
    .option("--name <name>", "what it shall be called there; left out, what it is called")
    .option("--plan", "show what would become of it, and do nothing")
    .option("-y, --yes", "do not ask")
    .addHelpText("after", TARGETS);
}

/** Everything that is asked and done, with both engines at hand. */
type Between = { source: Worker; destination: Destination; instance: Instance; to: string };

async function bring(session: Session, verb: "move" | "copy", name: string, how: Options): Promise<void> {
  if (how.to === undefined)
    throw new EngineError("invalid-argument", `cannot ${verb} ${name}: where to is not said`, {
      hint: `berth ${verb} ${name} --to TARGET`,
    });
  const as = how.name ?? name;
  await between(session, name, { text: how.to, reached: true }, async (both) => {
    const { refusePlan } = await import("../client/move/plan.ts");
    const plan = await both.destination.plan(both.instance, as, verb);
    session.print(formatPlan(plan));
    refusePlan(plan, verb, name);
    if (how.plan) return;
    await agreed(session, how, `${verb === "move" ? "Move" : "Copy"} it?`, `${verb} ${name}`);
    await (verb === "move" ? moveIt : copyIt)(session, both, as);
  });
}

async function moveIt(session: Session, { source, destination, instance, to }: Between, as: string) {
  const { moveInstance } = await import("../client/move/move.ts");
  const { name } = instance;
  const { told } = await moveInstance(source, destination, instance, { to, as });
  session.print(`Moved: ${name} to ${to}${as === name ? "" : ` as ${as}`}`);
  if (told !== undefined) session.print(told);
  session.print(
    `Look at it there, then: berth move --confirm ${name}. Or take it back: berth move --undo ${name}`,
  );
}

async function copyIt(session: Session, { source, destination, instance, to }: Between, as: string) {
  const { copyInstance } = await import("../client/move/move.ts");
  const { name } = instance;
  const told = await copyInstance(source, destination, name, as);
  session.print(`Copied: ${name} to ${to}${as === name ? "" : ` as ${as}`}`);
  if (told !== undefined) session.print(told);
}

async function settle(session: Session, name: string, how: MoveOptions): Promise<void> {
  const { api } = await session.client();
  const { confirmMove, markOf, undoMove } = await import("../client/move/move.ts");
  const doing = how.confirm ? "confirm the move of" : "take back the move of";
  const { to, as, step } = markOf(await api.instances.get({ name }), doing);
  const reached = !(how.undo && how.force);
  await between(session, name, { text: to, reached }, async ({ source, destination, instance }) => {
    if (how.confirm) {
      await confirmMove(source, destination, instance);
      session.print(`Confirmed: ${name} is ${as} at ${to}. Here it is in the trash.`);
      return;
    }
    const question = `What ${as} has done at ${to} since will not be here. Take the move back?`;
    if (step === "moved") await agreed(session, how, question, `${doing} ${name}`);
    await undoMove(source, destination, instance);
    session.print(`Taken back: ${name} is here again.`);
  });
}

async function agreed(session: Session, { yes }: Options, question: string, doing: string): Promise<void> {
  if (yes || (await confirm(session, question, { fallback: false }))) return;
  throw new EngineError("cancelled", `cannot ${doing}: nobody has said yes`, { hint: "--yes does." });
}

/** Both engines are reached first of all. Ctrl-C takes back what has been begun, so the connections outlive it. */
async function between(
  session: Session,
  name: string,
  { text, reached }: { text: string; reached: boolean },
  work: (both: Between) => Promise<void>,
): Promise<void> {
  const ending = new AbortController();
  const release = session.takeInterrupts(() => ending.abort(new DOMException("cancelled", "AbortError")));
  // Nothing is drawn while somebody is asked.
  let row: ReturnType<Session["track"]> | undefined;
  const show: Worker["show"] = (progress) => {
    row ??= session.track(name);
    row.show(progress);
  };
  try {
    const { parseTarget } = await import("../client/move/target.ts");
    const { leftAlone } = await import("../client/move/destination.ts");
    const { reachDestination } = await import("../client/move/reach.ts");
    const target = parseTarget(text, process.cwd());
    const client = await session.client();
    const instance = await client.api.instances.get({ name });
    const source = { client, signal: ending.signal, show };
    const both = { source, instance, to: target.text };
    if (!reached) return await work({ ...both, destination: leftAlone(target.text) });
    const { destination, close } = await reachDestination(source, target, path.join(__dirname, "engine.js"));
    await work({ ...both, destination }).finally(close);
  } finally {
    row?.end();
    release();
  }
}

/** Pure. */
export function formatPlan({ rows, problems }: MovePlan): string {
  const warnings = problems
    .filter(({ severity }) => severity !== "error")
    .map(({ message }) => `warning: ${message}\n`);
  return `${table(
    ["What", "What becomes of it"],
    rows.map(({ what, becomes }) => [what, becomes]),
  )}${warnings.join("")}`;
}
