/** Progress of operations: one line redrawn on a terminal, a plain line per phase elsewhere. */
import type { Operation, Progress } from "../api/operation.ts";
import { withoutControls } from "../base/plain-text.ts";
import { formatBytes, formatDuration } from "../base/units.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 120;
const CLEAR_LINE = "\r\u001b[K";
const NARROWEST = 20;

const PHASES: Record<string, string> = {
  resolve: "Looking for the image",
  download: "Downloading the image",
  verify: "Verifying the image",
  upload: "Sending the image",
  load: "Loading",
  save: "Saving",
  convert: "Converting the image",
  create: "Creating the disk",
  boot: "Booting",
  "container-host": "Making a VM to run containers in",
  install: "Installing",
  "cloud-init": "Waiting for cloud-init",
  stop: "Shutting down",
  resize: "Enlarging the disk",
  clone: "Copying the disk",
  copy: "Copying",
  check: "Checking",
  remove: "Removing",
  transfer: "Transferring",
  suspend: "Keeping the memory",
  resume: "Resuming",
  open: "Opening the repository",
  backup: "Backing up",
  "restore-disk": "Restoring the disks",
  compare: "Comparing with the backup",
  mount: "Looking what is on the disks",
  "restore-files": "Restoring the files",
  export: "Exporting",
  import: "Importing",
  mark: "Looking what is needed",
  repack: "Packing anew",
};

/** What is going on, in words. Pure. */
export function progressText(progress: Progress | undefined): string {
  if (!progress) return "Starting";
  const { phase, done, total, message } = progress;
  const words = PHASES[phase] ?? phase.charAt(0).toUpperCase() + phase.slice(1);
  const bytes =
    /download|upload|load|save|verify|convert|suspend|transfer|copy|backup|restore-disk|restore-files|compare|export|import/.test(
      phase,
    );
  const amount = done === undefined ? "" : bytes ? ` ${formatBytes(done)}` : ` ${done}`;
  const share =
    done !== undefined && total !== undefined
      ? ` ${Math.min(100, Math.floor((100 * done) / total))}% of ${bytes ? formatBytes(total) : total}`
      : amount;
  return withoutControls(`${words}${share}${message ? ` (${message})` : ""}`).replace(/\s+/g, " ");
}

type Row = { title: string; progress: Progress | undefined };

/** All operations that are followed at the moment. The terminal's line belongs to it as long as there is one. */
export class ProgressBoard {
  readonly #out: NodeJS.WriteStream;
  readonly #redraws: boolean;
  readonly #rows = new Set<Row>();
  #startedAt = 0;
  #frame = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `plain`: a terminal that cannot clear a line gets the plain lines, too. */
  constructor(out: NodeJS.WriteStream, plain = false) {
    this.#out = out;
    this.#redraws = Boolean(out.isTTY) && !plain;
  }

  begin(operation: Pick<Operation, "target" | "progress">): { show(progress: Progress): void; end(): void } {
    const row: Row = { title: withoutControls(operation.target), progress: undefined };
    if (this.#rows.size === 0) this.#startedAt = Date.now();
    this.#rows.add(row);
    if (this.#redraws && !this.#timer) {
      this.#timer = setInterval(() => this.#draw(), FRAME_MS);
      this.#draw();
    }
    if (operation.progress) this.#show(row, operation.progress);
    return { show: (progress) => this.#show(row, progress), end: () => this.#end(row) };
  }

  /** A line of its own, above the redrawn one. */
  say(text: string): void {
    this.#out.write(`${this.#timer ? CLEAR_LINE : ""}${text}\n`);
  }

  #show(row: Row, progress: Progress): void {
    const before = row.progress?.phase;
    row.progress = progress; // The timer draws it: progress may come far more often than anyone can read.
    if (this.#redraws || progress.phase === before) return;
    this.#out.write(`${row.title}: ${progressText({ phase: progress.phase })}\n`);
  }

  #end(row: Row): void {
    this.#rows.delete(row);
    if (this.#rows.size > 0 || !this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#out.write(CLEAR_LINE);
  }

  #draw(): void {
    this.#frame = (this.#frame + 1) % FRAMES.length;
    const rows = [...this.#rows].map(({ title, progress }) => `${title}: ${progressText(progress)}`);
    const elapsed = `  ${formatDuration(Date.now() - this.#startedAt)}`;
    const room = Math.max(NARROWEST, (this.#out.columns || 80) - 1 - elapsed.length);
    this.#out.write(`${CLEAR_LINE}${`${FRAMES[this.#frame]} ${rows.join(", ")}`.slice(0, room)}${elapsed}`);
  }
}
