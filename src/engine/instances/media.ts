/** ISOs in the drives of guests that have one. A file stays where it is; what is downloaded lies in the instance's directory. */
import { open, rm, stat } from "node:fs/promises";
import path from "node:path";
import { MediumReference } from "../../api/machine.ts";
import type { Operation } from "../../api/operation.ts";
import { exists, moveDurable } from "../../base/durable.ts";
import { EngineError } from "../../base/errors.ts";
import { isHostFile } from "../access/host-touch.ts";
import type { Ctx } from "../ctx.ts";
import type { MediaApi } from "../engine-core.ts";
import { download } from "../images/download.ts";
import { removePart } from "../images/part.ts";
import { fileKind, HEAD_BYTES } from "../images/qcow2.ts";
import { allowedUrl } from "../images/urls.ts";
import type { WorkCtx } from "../operations.ts";
import type { MediumRecord } from "../store/record.ts";
import type { ActionInput } from "./actions.ts";
import { refuseOfContainer } from "./container.ts";
import { type Entry, nameOf } from "./entry.ts";
import { permitWish } from "./final-config.ts";
import type { Keeper } from "./keeper.ts";

const OWN_FILE = "medium.iso";

/** How the action is begun; the manager. */
type Actions = {
  act(name: string, action: "change-medium", more: Pick<ActionInput, "medium">): Operation;
};

export class Media implements MediaApi {
  readonly #keeper: Keeper;
  readonly #actions: Actions;

  constructor(keeper: Keeper, actions: Actions) {
    this.#keeper = keeper;
    this.#actions = actions;
  }

  async insert(instance: string, reference: string): Promise<Operation> {
    const entry = this.#keeper.find(instance, "insert an ISO into");
    refuseWithoutDrive(entry);
    if (isHostFile(reference)) permitWish(entry, { files: [reference] }, `insert an ISO into ${instance}`);
    const medium = await checkMedium(reference, `insert an ISO into ${instance}`);
    return this.#actions.act(instance, "change-medium", { medium });
  }

  async eject(instance: string): Promise<Operation> {
    refuseWithoutDrive(this.#keeper.find(instance, "eject the ISO of"));
    return this.#actions.act(instance, "change-medium", {});
  }
}

function refuseWithoutDrive({ record }: Entry): void {
  const { name, guest } = record.descriptor;
  refuseOfContainer(
    record.descriptor,
    "change the ISO of",
    "drive",
    `Copy files: berth transfer FILE ${name}:`,
  );
  if (guest !== "linux") return;
  const reason = `cannot change the ISO of ${name}: a guest that cloud-init made ready has no CD-ROM drive`;
  throw new EngineError("not-supported", reason, { hint: `Give it a disk instead: berth disk add ${name}` });
}

/** The medium as it is kept. Throws where it is no ISO; an address is looked at when it is downloaded. */
export async function checkMedium(reference: string, doing: string): Promise<MediumRecord> {
  const parsed = MediumReference.safeParse(reference);
  if (!parsed.success) throw new EngineError("invalid-argument", `cannot ${doing}: it names no ISO`);
  if (/^https?:\/\//i.test(reference)) return { reference: allowedUrl(reference, doing).href };
  const refuse = (reason: string) =>
    new EngineError("invalid-argument", `cannot ${doing}: ${reference} ${reason}`, {
      hint: "Give the path of an ISO 9660 image, or its https:// address.",
    });
  if (!path.isAbsolute(reference)) throw refuse("is not an absolute path");
  const facts = await stat(reference).catch(() => undefined);
  if (!facts) throw refuse("does not exist");
  if (!facts.isFile()) throw refuse("is not a file");
  if (!(await isIso(reference))) throw refuse("is not an ISO");
  return { reference, path: path.resolve(reference) };
}

async function isIso(file: string): Promise<boolean> {
  const handle = await open(file, "r").catch(() => undefined);
  if (!handle) return false;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return fileKind(buffer.subarray(0, bytesRead)) === "iso";
  } finally {
    await handle.close();
  }
}

/** Where the ISO in the drive lies; undefined where the drive is empty. */
export function mediumFile(keeper: Keeper, entry: Entry): string | undefined {
  const { id, medium } = entry.record.descriptor;
  return medium && (medium.path ?? path.join(keeper.files.directory(id), OWN_FILE));
}

/** Brings a medium with an address into the instance's directory; it takes its place only when it is whole, and an ISO. */
export async function fetchMedium(
  keeper: Keeper,
  entry: Entry,
  ctx: Ctx,
  medium: MediumRecord,
): Promise<void> {
  if (medium.path !== undefined) return;
  const part = path.join(keeper.files.directory(entry.record.descriptor.id), `${OWN_FILE}.part`);
  const doing = `download ${medium.reference}`;
  const url = allowedUrl(medium.reference, doing);
  await download(ctx, fetch, { url, part, what: medium.reference });
  if (await isIso(part)) return;
  await removePart(part);
  throw new EngineError("download-failed", `cannot ${doing}: it is not an ISO`);
}

/** What was fetched takes the place of what was there. */
async function settle(keeper: Keeper, entry: Entry, medium: MediumRecord | undefined): Promise<void> {
  const own = path.join(keeper.files.directory(entry.record.descriptor.id), OWN_FILE);
  if (!medium || medium.path !== undefined) return rm(own, { force: true });
  if (!(await exists(`${own}.part`))) return;
  await moveDurable(`${own}.part`, own);
  await removePart(`${own}.part`);
}

/** Of a launch, before its first boot. */
export async function firstMedium(keeper: Keeper, entry: Entry, ctx: Ctx): Promise<void> {
  const { id, medium } = entry.record.descriptor;
  const own = path.join(keeper.files.directory(id), OWN_FILE);
  if (!medium || medium.path !== undefined || (await exists(own))) return;
  await fetchMedium(keeper, entry, ctx, medium);
  await settle(keeper, entry, medium);
}

export async function changeMedium(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  { medium }: ActionInput,
): Promise<void> {
  if (medium) await fetchMedium(keeper, entry, ctx, medium);
  ctx.commit();
  await entry.running?.changeMedium?.(ctx, undefined);
  await settle(keeper, entry, medium);
  await keeper.describe(entry, { medium });
  const file = mediumFile(keeper, entry);
  if (file !== undefined) await entry.running?.changeMedium?.(ctx, file);
}

/** A start with an ISO that is gone would fail in QEMU's words. */
export async function refuseMissingMedium(keeper: Keeper, entry: Entry): Promise<void> {
  const file = mediumFile(keeper, entry);
  if (file === undefined || (await exists(file))) return;
  const name = nameOf(entry);
  throw new EngineError("not-found", `cannot start ${name}: the ISO in its drive is gone: ${file}`, {
    hint: `Put it back, or empty the drive: berth iso ${name} eject`,
  });
}
