/** What clients may do with VMs as files: write one to a file, and make one of a file, or of a disk alone. */
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { MINIMUM_DISK_BYTES } from "../../api/limits.ts";
import type { NewDiskInstance } from "../../api/move.ts";
import type { Operation } from "../../api/operation.ts";
import type { ExportOpen, InstanceImportOpen } from "../../api/streams.ts";
import { EngineError } from "../../base/errors.ts";
import { hostArch } from "../../base/paths.ts";
import { Secret } from "../../base/secret.ts";
import { type Asking, askedBy, asking } from "../access/asking.ts";
import type { TransfersApi } from "../backup-core.ts";
import { planDisks } from "../instances/disks.ts";
import type { Entry } from "../instances/entry.ts";
import type { Keeper } from "../instances/keeper.ts";
import type { Resumable } from "../instances/lanes.ts";
import { entryOf } from "../instances/launch.ts";
import type { InstanceManager } from "../instances/manager.ts";
import { mayRun } from "../instances/permits.ts";
import { undoAgain } from "../instances/recover.ts";
import type { Operations } from "../operations.ts";
import type { JournalRow } from "../store/store.ts";
import { pointsOf } from "./disk-backup.ts";
import { type ExportInput, endWith, exportOutput, exportVm, refusePlain } from "./exports.ts";
import { ImportInput, importNew } from "./imports.ts";
import type { PointBook } from "./point-book.ts";
import { PortableReader } from "./portable/read.ts";
import { specOf } from "./restore-work.ts";

export type TransferParts = {
  keeper: Keeper;
  manager: InstanceManager;
  operations: Operations;
  points: PointBook;
};

export function isTransferRow({ kind }: JournalRow): boolean {
  return kind === "export" || kind === "import";
}

export class Transfers implements TransfersApi {
  readonly #parts: TransferParts;

  constructor(parts: TransferParts) {
    this.#parts = parts;
  }

  async export(name: string, open: ExportOpen, signal: AbortSignal): Promise<Readable> {
    const { keeper, manager, operations } = this.#parts;
    const entry = keeper.find(name, "export");
    const { id, container } = entry.record.descriptor;
    if (container) return this.#exportContainer(name, open, signal);
    mayRun(keeper, entry, "export", name);
    refusePlain(entry, open);
    pointsOf(keeper, entry, "export");
    const input: ExportInput = { id, action: "export", point: `ex-${randomUUID()}` };
    const output = exportOutput();
    const { passphrase } = open;
    const work = manager.lanes.inLane(entry, (ctx) =>
      exportVm(this.#parts, entry, ctx, { input, output, passphrase }),
    );
    const wanted = { kind: "export" as const, target: name, input };
    const operation = operations.begin(wanted, work, (begun) => manager.lanes.take(entry, "export", begun));
    const leave = () =>
      operations.interrupt(operation.id, new DOMException("its reader has gone", "AbortError"));
    output.once("close", leave); // No effect on one that has ended.
    signal.addEventListener("abort", leave, { once: true });
    return endWith(output, this.#ended(operation));
  }

  #exportContainer(name: string, { passphrase }: ExportOpen, signal: AbortSignal): Promise<Readable> {
    if (passphrase === undefined) return this.#parts.manager.export(name, signal);
    const reason = `cannot export ${name}: a container's file system is not encrypted`;
    throw new EngineError("not-supported", reason, { hint: "Encrypt the tar by a program of your choice." });
  }

  /** What it gives is a line that says which instance was made. */
  import(open: InstanceImportOpen, source: Readable, signal: AbortSignal): Readable {
    const leave = () =>
      source.destroy(new EngineError("cancelled", "cannot import the file: its sender has gone"));
    signal.addEventListener("abort", leave, { once: true });
    source.on("error", () => {}); // Told by whoever reads it.
    return Readable.from(this.#importing(open, source, asking()), { objectMode: false });
  }

  async *#importing(
    open: InstanceImportOpen,
    source: Readable,
    who: Asking | undefined,
  ): AsyncGenerator<string> {
    try {
      const { as, project, id, passphrase } = open;
      const secret = passphrase === undefined ? undefined : new Secret(passphrase);
      const file = await PortableReader.open(source, secret);
      this.#refuseForeign(file.definition.arch);
      const { manager } = this.#parts;
      const spec = { ...specOf(file.definition, as), project };
      // A generator runs as whoever reads it, which may be the socket itself.
      const operation = await askedBy(who, () =>
        manager.planned(spec, "import", (drawn) => {
          const launch = { ...drawn, id: this.#freeId(id) ?? drawn.id };
          return this.#begin({ id: launch.id, action: "import", launch }, file);
        }),
      );
      const { target } = await this.#succeeded(operation);
      yield `${JSON.stringify({ name: target })}\n`;
    } finally {
      source.destroy();
    }
  }

  async importDisk(wanted: NewDiskInstance): Promise<Operation> {
    const { source: file, raw = false, user = "ubuntu", ...spec } = wanted;
    const [disk] = await planDisks(spec.name, [{ source: file, raw }]);
    const diskBytes = Math.max(disk?.sizeBytes ?? 0, spec.diskBytes ?? MINIMUM_DISK_BYTES);
    return this.#parts.manager.planned({ ...spec, diskBytes }, "import", (launch) =>
      this.#begin({ id: launch.id, action: "import", launch, disk: { source: disk?.source, user } }),
    );
  }

  #begin(input: ImportInput, file?: PortableReader): Operation {
    const { launch } = input;
    const { work, onAccepted } = this.#importWork(entryOf(launch), input, file);
    const wanted = { kind: "import" as const, target: launch.name, input };
    return this.#parts.operations.begin(wanted, work, onAccepted);
  }

  #importWork(entry: Entry, input: ImportInput, file?: PortableReader): Resumable {
    const { keeper, manager } = this.#parts;
    return {
      work: manager.lanes.inLane(entry, (ctx) => importNew(keeper, entry, ctx, input, file)),
      onAccepted: (operation) => manager.lanes.take(entry, "import", operation),
    };
  }

  /** Goes on with what an earlier engine began, as far as that can be. */
  resume(row: JournalRow): void {
    const { operations } = this.#parts;
    const input = ImportInput.safeParse(row.input);
    if (row.kind === "import" && input.success) {
      const { work, onAccepted } = this.#importingAgain(row, input.data);
      operations.resume(row, work, onAccepted);
      return;
    }
    const reason = `cannot ${row.kind} ${row.target}: the engine was restarted in its middle`;
    const error = new EngineError("engine-unavailable", reason, { hint: "Do it again." });
    operations.resume(row, () => Promise.reject(error));
  }

  #importingAgain(row: JournalRow, input: ImportInput): Resumable {
    const { keeper, manager } = this.#parts;
    const known = keeper.byId(input.id);
    // It died before its descriptor was written: what the journal knows is all there is.
    if (known?.broken) keeper.removed(known);
    const entry = known && !known.broken ? known : entryOf(input.launch);
    const again = this.#importWork(entry, input);
    if (!row.error) return again;
    return { ...again, work: undoAgain(keeper, entry, manager, EngineError.fromBody(row.error)) };
  }

  /** Its guest would be emulated: nobody expects that of what ran at full speed. */
  #refuseForeign(arch: string): void {
    if (arch === hostArch()) return;
    const reason = `cannot import the file: it is a VM of ${arch}, and this host is of ${hostArch()}`;
    throw new EngineError("not-supported", reason, { hint: "Import it on a host of its own architecture." });
  }

  /** Whoever moves an instance says what it will be known by, so that it is found again whatever happens. */
  #freeId(id: string | undefined): string | undefined {
    if (id === undefined || !this.#parts.keeper.byId(id)) return id;
    throw new EngineError("already-exists", `cannot import the file: there is an instance ${id}`);
  }

  #ended({ id }: Operation): Promise<Operation> {
    return this.#parts.operations.wait(id, new AbortController().signal);
  }

  async #succeeded(operation: Operation): Promise<Operation> {
    const { status, error, ...ended } = await this.#ended(operation);
    if (status === "succeeded") return { status, ...ended };
    throw error
      ? EngineError.fromBody(error)
      : new EngineError("cancelled", `cannot import ${ended.target}: cancelled`);
  }
}
