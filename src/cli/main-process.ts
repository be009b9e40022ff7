/** attach: the main process of a container on this terminal, or between pipes. */
import { Transform } from "node:stream";
import { finished } from "node:stream/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { DETACH_KEYS, detachBytes } from "../api/detach-keys.ts";
import type { SignalName } from "../api/streams.ts";
import { deferred, withDeadline } from "../base/async.ts";
import { exitCodeOf } from "../base/exit-code.ts";
import type { RemoteProcess } from "../client/engine-client.ts";
import { attach, terminal } from "./attach.ts";
import { DetachKeys } from "./detach.ts";
import { RESET } from "./joined.ts";
import type { Session } from "./session.ts";

const SEND_MS = 1_000;

type AttachCommandOptions = { detachKeys: string; stdin: boolean; sigProxy: boolean };

export function addAttachCommand(program: Command, session: Session): void {
  program
    .command("attach")
    .description("Join the main process of a container; to leave it does nothing to it")
    .argument("<name>", "the instance")
    .addOption(
      new Option("--detach-keys <keys>", "what leaves it, where it has a terminal")
        .argParser(detachKeys)
        .default(DETACH_KEYS),
    )
    .option("--no-stdin", "send it nothing")
    .option("--no-sig-proxy", "a signal to this command leaves it, and is not sent to it")
    .addHelpText(
      "after",
      `
Where it has a terminal (launch --interactive --tty), every key is its own but those that leave it. Else Ctrl-C and other
signals are sent to it, which ends most programs; the second Ctrl-C leaves it. It ends with its exit code.`,
    )
    .action((name: string, options: AttachCommandOptions) => join(session, name, options));
}

/** Until its end, or until it is left. */
async function join(session: Session, name: string, options: AttachCommandOptions): Promise<void> {
  const { io } = session;
  const { detachKeys } = options;
  const client = await session.client();
  const { container } = await client.api.instances.get({ name });
  const tty = container?.tty ?? false;
  const sends = options.stdin && (container?.interactive ?? false);
  const raw = tty && sends && io.stdin.isTTY;
  const size = tty && io.stdout.isTTY ? terminal(io).tty : undefined;
  const open = { stdin: sends, detachKeys, ...(size ? { size } : {}) };
  const main = await client.attach(name, open, { signal: session.signal });
  const left = deferred<"left">();
  const through = raw ? untilLeft(detachKeys, () => sent(main).then(() => left.resolve("left"))) : undefined;
  const attached = attach(session, main, { tty, sends, through, forwards: options.sigProxy });
  const forwarding = options.sigProxy && !raw ? forwardOthers(main) : undefined;
  if (io.stdout.isTTY)
    session.note(raw ? `Attached to ${name}: ${detachKeys} leaves.` : `Attached to ${name}.`);
  try {
    const how = await Promise.race([main.exited, left.promise]);
    if (how !== "left") await attached.flushed;
    if (how !== "left" && (how.code ?? how.signal) !== undefined) session.exitCode = exitCodeOf(how);
    else session.note(`Left ${name}, which runs on.`);
  } catch (error) {
    const signal = attached.left();
    if (signal === undefined) throw error;
    session.exitCode = exitCodeOf({ signal });
  } finally {
    main.exited.catch(() => {}); // It may have been left.
    forwarding?.();
    attached.dispose();
    if (raw && io.stdout.isTTY) io.stdout.write(`${RESET}\r`);
  }
}

/** What is typed, up to the keys that leave. */
function untilLeft(keys: string, leave: () => void): Transform {
  const detaching = new DetachKeys(detachBytes(keys) ?? Buffer.alloc(0));
  let left = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (left) return done();
      const { typed, leaves } = detaching.take(chunk);
      if (typed.length > 0) this.push(typed);
      if (leaves) this.push(null);
      if (leaves) leave();
      left = leaves;
      done();
    },
  });
}

/** Resolves when what was typed has gone, or is not taken: whoever leaves does not wait for that. */
async function sent({ stdin }: RemoteProcess): Promise<void> {
  const { signal, done } = withDeadline(SEND_MS);
  await finished(stdin, { signal }).catch(() => {});
  done();
}

const OTHER_SIGNALS: readonly SignalName[] = ["HUP", "QUIT", "USR1", "USR2"];

/** Beside those that every command sends on. Returns what ends that. */
function forwardOthers(main: RemoteProcess): () => void {
  const handlers = OTHER_SIGNALS.map((name) => ({
    event: `SIG${name}` as const,
    send: () => main.signal(name),
  }));
  for (const { event, send } of handlers) process.on(event, send);
  return () => {
    for (const { event, send } of handlers) process.off(event, send);
  };
}

function detachKeys(text: string): string {
  if (detachBytes(text)) return text;
  throw new InvalidArgumentError(`${text} is no sequence of keys, such as ${DETACH_KEYS} or ctrl-x,q.`);
}
