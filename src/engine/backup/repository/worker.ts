/** A thread of a crew: does one job after the other, as `jobs.ts` says. */
import { parentPort, workerData } from "node:worker_threads";
import { EngineError, messageOf } from "../../../base/errors.ts";
import type { CrewAnswer, CrewRequest, WorkerSettings } from "./crew.ts";
import { Jobs } from "./jobs.ts";

const { key, compressed, share } = workerData as WorkerSettings;
const jobs = new Jobs(key, { compressed });
const pause = new Int32Array(new SharedArrayBuffer(4));

parentPort?.on("message", ({ seq, name, request }: CrewRequest) => {
  const started = performance.now();
  try {
    const { answer, moved } = jobs[name](request as never);
    say({ seq, answer }, moved);
  } catch (error) {
    say({
      seq,
      failure:
        error instanceof EngineError ? error.toBody() : { code: "internal", message: messageOf(error) },
    });
  }
  // Of a share of a processor, the rest is slept.
  if (share < 1) Atomics.wait(pause, 0, 0, (performance.now() - started) * (1 / share - 1));
});

function say(answer: CrewAnswer, moved: ArrayBuffer[] = []): void {
  parentPort?.postMessage(answer, moved);
}
