/**
 * Launch = create + start + wait until ready. Until the guest has been started, a failure takes everything back;
 * afterwards the instance is the user's and stays, with a problem that says what went wrong.
 */
import * as z from "zod";
import { ProjectName } from "../../api/access.ts";
import { ContainerSpec } from "../../api/container.ts";
import { Arch, AutostartPolicy, Labels } from "../../api/instance.ts";
import { InstanceName } from "../../api/instance-name.ts";
import { FirmwareKind, GuestKind } from "../../api/machine.ts";
import { Mount } from "../../api/mount.ts";
import { HostNic } from "../../api/network.ts";
import { NetworkMode } from "../../api/network-mode.ts";
import { PortForward } from "../../api/port.ts";
import { withDeadline } from "../../base/async.ts";
import { EngineError, toEngineError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { Ctx } from "../ctx.ts";
import { howToLook } from "../guest/hints.ts";
import type { ReadyImage } from "../images/images.ts";
import type { WorkCtx } from "../operations.ts";
import { type Descriptor, MediumRecord } from "../store/record.ts";
import { createContainer } from "./container-work.ts";
import { createDisk, PlannedDisk, recordOf } from "./disk-work.ts";
import { makeKey } from "./encryption.ts";
import { type Entry, newEntry, takenOver } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import { lastWords } from "./last-words.ts";
import { BLANK_IMAGE } from "./machine.ts";
import { firstMedium } from "./media.ts";
import { openMounts } from "./mount-serving.ts";
import { boot, pullPlug, reasonOf, showFailedStart } from "./power.ts";
import { becomeReady, notReadyProblem } from "./ready.ts";
import { undoLaunch } from "./trash.ts";

/** What is journaled of a launch: enough to run it again from any point. */
export const LaunchInput = z.object({
  id: z.uuid(),
  name: InstanceName,
  project: ProjectName.optional(),
  reference: z.string(),
  driver: z.string(),
  kind: z.enum(["vm", "container"]),
  arch: Arch,
  cpus: z.int(),
  memoryBytes: z.int(),
  diskBytes: z.int(),
  address: z.string(),
  mac: z.string(),
  zone: z.string().default("zone1"),
  networks: z.array(HostNic).default([]),
  createdAt: z.string(),
  timeoutMs: z.int(),
  userData: z.string().optional(),
  mounts: z.array(Mount).optional(),
  ports: z.array(PortForward).default([]),
  container: z.object(ContainerSpec.shape).optional(),
  disks: z.array(PlannedDisk).default([]),
  guest: GuestKind.default("linux"),
  firmware: FirmwareKind.default("bios"),
  tpm: z.boolean().default(false),
  display: z.boolean().default(false),
  encrypted: z.boolean().default(false),
  medium: MediumRecord.optional(),
  /** Its disk begins empty. */
  blank: z.boolean().default(false),
  autostart: AutostartPolicy.default("off"),
  network: NetworkMode.default("default"),
  labels: Labels.default({}),
  /** What spoke against it, but not so that it was refused. */
  warnings: z.array(z.string()).optional(),
});
export type LaunchInput = z.infer<typeof LaunchInput>;

export function entryOf(input: LaunchInput): Entry {
  const { reference, timeoutMs: _timeoutMs, warnings: _warnings, userData, mounts, blank: _, ...own } = input;
  const image = { reference, os: "", release: "", version: "" };
  const descriptor: Descriptor = {
    ...own,
    revision: 0,
    image,
    booted: false,
    mounts: mounts ?? [],
    disks: input.disks.map(recordOf),
    snapshots: [],
    snapshotsTaken: 0,
  };
  const entry = newEntry({ descriptor, state: "creating", problems: [], updatedAt: input.createdAt });
  entry.userData = userData === undefined ? undefined : new Secret(userData);
  return entry;
}

export async function launch(keeper: Keeper, entry: Entry, ctx: WorkCtx, input: LaunchInput): Promise<void> {
  for (const warning of input.warnings ?? []) ctx.warn(warning);
  await prepare(keeper, entry, ctx, input);
  const deadline = withDeadline(input.timeoutMs, ctx.signal);
  const timed = { ...ctx, signal: deadline.signal };
  let noted: Promise<void> = Promise.resolve();
  try {
    // A launch that was interrupted after the first boot goes on as a start would: the disk holds something now.
    if (!entry.running && !entry.record.descriptor.booted) await create(keeper, entry, timed, input);
    const running = entry.running ?? (await boot(keeper, entry, timed));
    // Beside the boot, which takes far longer. Until it is written, a crash is answered by attaching or by undoing.
    noted = entry.record.descriptor.booted ? noted : keeper.describe(entry, { booted: true });
    noted.catch(() => {});
    const report = await becomeReady(keeper, entry, running, timed);
    await noted;
    for (const error of report.errors) ctx.warn(`cloud-init: ${error}`);
    for (const failure of await openMounts(keeper, entry, timed)) ctx.warn(failure);
  } catch (error) {
    await noted.catch(() => {});
    const isLate = !ctx.signal.aborted && deadline.signal.aborted;
    const words = isLate && entry.running ? await lastWords(entry.running) : undefined;
    const failure = isLate
      ? late(input, words, error)
      : toEngineError(reasonOf(ctx, error), `launch ${input.name}`);
    await afterFailure(keeper, entry, ctx, failure);
    throw failure;
  } finally {
    deadline.done();
  }
}

async function prepare(keeper: Keeper, entry: Entry, ctx: WorkCtx, input: LaunchInput): Promise<void> {
  if (entry.running) return;
  try {
    await keeper.driverOf(entry).prepare?.(ctx, entry.record.descriptor);
  } catch (error) {
    const failure = toEngineError(reasonOf(ctx, error), `launch ${input.name}`);
    await afterFailure(keeper, entry, ctx, failure);
    throw failure;
  }
}

/** Image, directory, keys, descriptor, disk: everything up to the first boot. */
async function create(keeper: Keeper, entry: Entry, ctx: Ctx, input: LaunchInput): Promise<void> {
  const { id, container } = entry.record.descriptor;
  if (container) return createContainer(keeper, entry, ctx, input.reference);
  const user = input.blank ? standOnNothing(keeper, entry) : await standOnImage(keeper, entry, ctx, input);
  ctx.signal.throwIfAborted();
  ctx.progress({ phase: "create" });
  await keeper.files.prepare(id);
  if (!(await keeper.files.readSecrets(id))) {
    const login = await keeper.makeLogin(user);
    await keeper.files.writeSecrets(id, { login, userData: entry.userData?.reveal() });
  }
  entry.userData = undefined;
  await makeKey(keeper, entry);
  await keeper.describe(entry, {});
  ctx.signal.throwIfAborted();
  await keeper.driverOf(entry).create(ctx, await keeper.driverInstance(entry));
  for (const disk of input.disks) await createDisk(keeper, entry, ctx, disk);
  await firstMedium(keeper, entry, ctx);
}

function standOnNothing(keeper: Keeper, entry: Entry): string {
  keeper.note(entry, { base: BLANK_IMAGE });
  return BLANK_IMAGE.user;
}

/** Resolves with the login that the image expects. */
async function standOnImage(keeper: Keeper, entry: Entry, ctx: Ctx, input: LaunchInput): Promise<string> {
  const { arch, base } = entry.record.descriptor;
  const image = base
    ? await sameImage(keeper, base.id, input)
    : await keeper.images.acquire(ctx, input.reference, arch);
  const { path, format, sizeBytes, virtualBytes, user } = image;
  keeper.note(entry, {
    image: image.facts,
    base: { id: image.id, path, format, sizeBytes, virtualBytes, user },
  });
  keeper.imagesChanged();
  if (input.diskBytes < image.virtualBytes) throw tooSmall(input, image);
  return user;
}

/** A resumed launch must go on with the image that its disk may stand on already. */
async function sameImage(keeper: Keeper, id: string, input: LaunchInput): Promise<ReadyImage> {
  const image = await keeper.images.get(id);
  if (image) return image;
  throw new EngineError("not-found", `cannot launch ${input.name}: its image ${input.reference} is gone`, {
    hint: "Launch it again.",
  });
}

function tooSmall(input: LaunchInput, image: ReadyImage): EngineError {
  const { name, reference, diskBytes } = input;
  const gib = (bytes: number) => `${Math.ceil((bytes / 2 ** 30) * 10) / 10}GiB`;
  return new EngineError(
    "invalid-argument",
    `cannot launch ${name}: a disk of ${gib(diskBytes)} is too small for ${reference}, which needs ${gib(image.virtualBytes)}`,
    { hint: `Ask for a disk of ${gib(image.virtualBytes)} or more.` },
  );
}

/** Why the guest let nobody in, where it said so to the end. */
function refusalIn(error: unknown): string | undefined {
  return error instanceof EngineError && error.code === "timed-out" ? error.message : undefined;
}

/** What it was busy with tells whether more time would help. */
function late({ name, container }: LaunchInput, words: string | undefined, cause: unknown): EngineError {
  const reason = `cannot launch ${name}: timed out waiting for initialization to complete`;
  const said = words === undefined ? refusalIn(cause) : `cloud-init last said: ${words}`;
  const last = said === undefined ? "" : `${said}. `;
  const guest = words === undefined ? howToLook(name) : `berth log ${name} --source cloud-init`;
  const look = container ? `berth logs ${name}` : guest;
  const hint = `${last}Give it more time with --timeout, or look what it does: ${look}`;
  return new EngineError("timed-out", reason, { hint, cause });
}

async function afterFailure(keeper: Keeper, entry: Entry, ctx: WorkCtx, failure: EngineError): Promise<void> {
  if (ctx.abandoned || takenOver(entry, ctx.operationId)) return;
  const started = entry.running !== undefined || entry.record.descriptor.booted;
  if (started && !ctx.signal.aborted) return showFailedStart(keeper, entry, failure);
  await takeBack(keeper, entry, ctx, failure);
}

/** Journals that it goes backwards now, then does. What could not be taken back stays visible, as failed. */
export async function takeBack(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  failure: EngineError,
): Promise<void> {
  ctx.undoing(failure);
  try {
    await pullPlug(keeper, entry, ctx);
    await undoLaunch(keeper, entry, ctx);
  } catch (error) {
    const left = toEngineError(error, `remove what was left of ${entry.record.descriptor.name}`);
    ctx.warn(left.message);
    const problem = { code: "launch-failed", severity: "error" as const, message: failure.message };
    keeper.update(entry, { state: "failed", problems: [problem, notReadyProblem(left)] });
  }
}
