/** The main process of a fake container: it prints what is typed at it, its sizes and its signals, and ends at an INT. */
import { PassThrough, type Readable, Writable } from "node:stream";
import { EngineError } from "../../src/base/errors.ts";
import type { DriverInstance } from "../../src/engine/drivers/driver.ts";
import type { AttachRequest } from "../../src/engine/drivers/running.ts";
import type { GuestProcess } from "../../src/engine/guest/guest.ts";
import type { FakeRuntime } from "./fake-containers.ts";

const INTERRUPTED = 130;

export function fakeMainProcess(
  runtime: FakeRuntime,
  { id, container }: Pick<DriverInstance, "id" | "container">,
  { size, stdin = true }: AttachRequest,
): GuestProcess {
  const over = runtime.host.guests.get(id)?.over ?? AbortSignal.abort();
  const left = new AbortController();
  const stdout: Readable = runtime.log(id, { follow: true, tail: 0 }, AbortSignal.any([over, left.signal]));
  let interrupted = false;
  const input = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      runtime.print(id, `typed ${JSON.stringify(chunk.toString())}`);
      done();
    },
  });
  if (!stdin || !container?.interactive) input.destroy();
  const resize: GuestProcess["resize"] = ({ cols, rows }) => {
    if (container?.tty) runtime.print(id, `now ${cols}x${rows}`);
  };
  if (size) resize(size);
  const exited = new Promise<{ code: number }>((resolve, reject) => {
    const end = () => {
      if (over.aborted) resolve({ code: interrupted ? INTERRUPTED : 0 });
      else reject(new EngineError("cancelled", "it was left"));
    };
    if (stdout.readableEnded) end();
    else stdout.once("end", end).once("close", end);
  });
  exited.catch(() => {});
  return {
    ...{ stdin: input, stdout, stderr: new PassThrough().end(), exited, resize },
    signal: (name) => {
      runtime.print(id, `signal ${name}`);
      if (name !== "INT") return;
      interrupted = true;
      runtime.host.end(id, { how: "guest-shutdown" });
    },
    close: () => {
      left.abort();
      stdout.destroy();
    },
  };
}
