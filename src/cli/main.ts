/** The process `berth`: a Node that can run it, Ctrl-C, pipes whose reader has left, the exit code. */
import { ERROR_CODES, messageOf, toEngineError } from "../base/errors.ts";
import { hostPlatform } from "../base/paths.ts";
import { findNode, isTooOld, MINIMUM_NODE } from "./node.ts";
import type { Session } from "./session.ts";

/** Set by the script that stands in for Multipass. */
const COMMAND_NAME = "BERTH_COMMAND_NAME";

/** What a shell reports for a command that Ctrl-C, or a reader that left, has ended. */
const INTERRUPTED_EXIT = 130;
const BROKEN_PIPE_EXIT = 141;

/** Set for the Node that an old one has started, so that a wrong `BERTH_NODE` cannot go round in circles. */
const STARTED_BY_OLD_NODE = "BERTH_STARTED_BY_OLD_NODE";

async function run(): Promise<number> {
  const { Session } = await import("./session.ts");
  const session = new Session(process, process.env[COMMAND_NAME] === "multipass" ? "multipass" : "berth");
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // `berth … | head`: nobody reads on, so there is nothing left to do. A command in a guest ends with its stream.
    if (error.code === "EPIPE") process.exit(BROKEN_PIPE_EXIT);
    throw error;
  });
  process.stderr.on("error", () => {}); // Nobody reads the progress: the work goes on.
  process.on("SIGINT", () => {
    if (session.interrupt() === "leave") process.exit(INTERRUPTED_EXIT);
  });
  const code = await answer(process.argv.slice(2), session);
  // A pipe may still hold what was printed: leaving now would cut it off.
  await Promise.all(
    [process.stdout, process.stderr].map((out) => new Promise<void>((done) => out.write("", () => done()))),
  );
  return code;
}

/** The table of all commands takes longer to make than a short command in a guest to run, so that has a way past it. */
async function answer(argv: readonly string[], session: Session): Promise<number> {
  const { plainExecOf, runIn } = await import("./attach.ts");
  const plain = plainExecOf(argv);
  if (!plain) return (await import("./program.ts")).main(argv, session);
  session.verb = "exec";
  try {
    await runIn(session, plain.name, { argv: plain.argv, hostCwd: process.cwd() });
    return session.exitCode;
  } catch (error) {
    return (await import("./report.ts")).report(session, toEngineError(error));
  } finally {
    await session.dispose();
  }
}

/** Lets a newer Node run the same command line, where there is one. */
async function runWithNewerNode(): Promise<number> {
  const node = process.env[STARTED_BY_OLD_NODE]
    ? undefined
    : await findNode({
        platform: hostPlatform(),
        arch: process.arch,
        env: process.env,
        bundleDirectory: __dirname,
      });
  if (node === undefined) {
    process.stderr.write(
      `berth failed: cannot run on Node ${process.versions.node}: ${MINIMUM_NODE} or later is needed\n` +
        "Name a newer one in the environment variable BERTH_NODE, or run berth from VS Code's terminal.\n",
    );
    return ERROR_CODES["missing-dependency"].exit;
  }
  const { runInPlace } = await import("../base/run.ts");
  return runInPlace([node, __filename, ...process.argv.slice(2)], { [STARTED_BY_OLD_NODE]: "1" });
}

(isTooOld(process.versions.node) ? runWithNewerNode() : run()).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`berth failed: ${messageOf(error)}\n`);
    process.exit(ERROR_CODES.internal.exit);
  },
);
