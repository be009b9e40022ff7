/** A process in the guest on an SSH channel. */
import { PassThrough } from "node:stream";
import type { ClientChannel } from "ssh2";
import type { SignalName, TerminalSize } from "../../api/streams.ts";
import { deferred } from "../../base/async.ts";
import type { GuestProcess, ProcessExit } from "./guest.ts";
import { unreachable } from "./ssh-connection.ts";

/** `name` is the instance's, for messages. */
export function processOn(channel: ClientChannel, name: string): GuestProcess {
  const exited = deferred<ProcessExit>();
  exited.promise.catch(() => {});
  let exit: ProcessExit | undefined;
  let ended = false;
  channel.on("exit", (code: number | null, signal?: string) => {
    exit = code === null ? { signal: (signal ?? "KILL").replace(/^SIG/, "") } : { code };
  });
  channel.on("error", () => {}); // Followed by close, which decides.
  channel.once("close", () => {
    ended = true;
    if (exit) exited.resolve(exit);
    else exited.reject(unreachable(name, new Error("the connection was lost before the command ended")));
  });
  return {
    stdin: channel,
    stdout: channel,
    stderr: channel.stderr ?? new PassThrough().end(),
    exited: exited.promise,
    resize: ({ cols, rows }: TerminalSize) => {
      if (!ended) channel.setWindow(rows, cols, 0, 0);
    },
    signal: (signal: SignalName) => {
      if (!ended) channel.signal(signal);
    },
    close: () => {
      if (ended) return;
      // Closing a channel without a terminal leaves its process running, so it is told to end first.
      if (!exit) channel.signal("TERM");
      // What nobody reads any more must not keep the channel open.
      channel.resume();
      channel.stderr?.resume();
      channel.close();
    },
  };
}
