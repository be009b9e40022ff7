/** Another name for an instance, and so another hostname for its guest. */
import { InstanceName } from "../../api/instance-name.ts";
import { NAME_RULE } from "../../api/names.ts";
import { EngineError } from "../../base/errors.ts";
import { LOCK_HOSTS } from "../guest/hosts.ts";
import { runInGuest } from "../guest/run-in-guest.ts";
import type { WorkCtx } from "../operations.ts";
import { hasImage } from "../store/record.ts";
import { type Entry, nameOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";

const HOSTNAME_MS = 15_000;

/**
 * Sets the hostname now and for later boots, and mends the line of /etc/hosts that resolves it. A name holds nothing
 * that sed could take for a pattern.
 */
const HOSTNAME_SCRIPT = `${LOCK_HOSTS}hostnamectl set-hostname "$2" 2>/dev/null || { echo "$2" > /etc/hostname && hostname "$2"; } || exit 1
sed -i "/^127\\.0\\.1\\.1[[:space:]]/ { s/\\([[:space:]]\\)$1\\([.[:space:]]\\|\\$\\)/\\1$2\\2/; s/\\([[:space:]]\\)$1\\([.[:space:]]\\|\\$\\)/\\1$2\\2/; }" /etc/hosts
`;

/** Throws where the instance cannot have that name. */
export function checkRename(keeper: Keeper, entry: Entry, to: string): void {
  const target = nameOf(entry);
  if (!InstanceName.safeParse(to).success) {
    const reason = `cannot rename ${target}: Invalid instance name supplied: ${to}`;
    throw new EngineError("invalid-argument", reason, { hint: NAME_RULE });
  }
  const holder = keeper.holderOf(to);
  if (holder && holder !== entry) throw taken(keeper, target, to);
}

function taken(keeper: Keeper, name: string, to: string): EngineError {
  const deleted = keeper.holderOf(to)?.record.state === "deleted";
  const where = deleted ? " in the trash" : "";
  return new EngineError("already-exists", `cannot rename ${name}: instance "${to}" already exists${where}`, {
    hint: deleted ? "Recover or purge it, or choose another name." : "Choose another name.",
  });
}

/** Nobody else may take the name while this is under way; each step may run again. */
export async function rename(
  keeper: Keeper,
  entry: Entry,
  ctx: WorkCtx,
  to: string,
  before: string,
): Promise<void> {
  const { descriptor } = entry.record;
  try {
    ctx.commit();
    checkRename(keeper, entry, to);
    const instance = hasImage(descriptor) ? await keeper.driverInstance(entry) : undefined;
    await keeper.rename(entry, to);
    if (instance) await keeper.driverOf(entry).reseed?.(ctx, { ...instance, name: to });
  } finally {
    keeper.letGoOf(to, entry);
  }
  if (entry.running && !descriptor.container) await setHostname(entry, ctx, before, to);
  await keeper.guestNames.known(ctx.signal);
}

/** Best effort: at its next boot the guest learns its name anyway. */
async function setHostname(entry: Entry, ctx: WorkCtx, before: string, to: string): Promise<void> {
  const later = `the guest takes its new name at its next boot`;
  const guest = entry.running?.guest;
  if (!guest || !entry.ready) return ctx.warn(later);
  try {
    const argv = ["sudo", "-n", "sh", "-c", HOSTNAME_SCRIPT, "sh", before, to];
    await runInGuest(guest, argv, { timeoutMs: HOSTNAME_MS, signal: ctx.signal });
  } catch (error) {
    ctx.log.warn("the guest's hostname could not be set", { error });
    ctx.warn(later);
  }
}
