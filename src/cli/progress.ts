/** Progress of an operation: one line redrawn on a terminal, a plain line per phase elsewhere. */
import type { Operation, Progress } from "../api/operation.ts";
import { formatBytes, formatDuration } from "../base/units.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 120;

const PHASES: Record<string, string> = {
  resolve: "Looking for the image",
  download: "Downloading the image",
  verify: "Verifying the image",
  convert: "Converting the image",
  create: "Creating the disk",
  boot: "Booting",
  "cloud-init": "Waiting for cloud-init",
  stop: "Shutting down",
};

/** What is going on, in words. Pure. */
export function progressText(progress: Progress | undefined): string {
  if (!progress) return "Starting";
  const { phase, done, total, message } = progress;
  const words = PHASES[phase] ?? phase.charAt(0).toUpperCase() + phase.slice(1);
  const bytes = /download|verify|convert/.test(phase);
  const amount = done === undefined ? "" : bytes ? ` ${formatBytes(done)}` : ` ${done}`;
  const share =
    done !== undefined && total !== undefined
      ? ` ${Math.floor((100 * done) / total)}% of ${bytes ? formatBytes(total) : total}`
      : amount;
  return `${words}${share}${message ? ` (${message})` : ""}`;
}

export class ProgressLine {
  readonly #out: NodeJS.WriteStream;
  readonly #title: string;
  readonly #startedAt = Date.now();
  #progress: Progress | undefined;
  #lastPhase = "";
  #frame = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(out: NodeJS.WriteStream, operation: Operation) {
    this.#out = out;
    this.#title = operation.target;
    this.#progress = operation.progress;
    if (!out.isTTY) return;
    this.#timer = setInterval(() => this.#draw(), FRAME_MS);
    this.#timer.unref();
    this.#draw();
  }

  show(progress: Progress): void {
    this.#progress = progress;
    if (this.#timer) return;
    if (this.#out.isTTY || progress.phase === this.#lastPhase) return;
    this.#lastPhase = progress.phase;
    this.#out.write(`${this.#title}: ${progressText({ phase: progress.phase })}\n`);
  }

  say(text: string): void {
    this.#clear();
    this.#out.write(`${text}\n`);
  }

  end(): void {
    if (!this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#clear();
  }

  #draw(): void {
    this.#frame = (this.#frame + 1) % FRAMES.length;
    const elapsed = formatDuration(Date.now() - this.#startedAt);
    const text = `${FRAMES[this.#frame]} ${this.#title}: ${progressText(this.#progress)}  ${elapsed}`;
    this.#clear();
    this.#out.write(text.slice(0, Math.max(20, (this.#out.columns ?? 80) - 1)));
  }

  #clear(): void {
    if (this.#out.isTTY) this.#out.write("\r\u001b[K");
  }
}
