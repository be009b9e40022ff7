/** What an instance is as settings: `local.<instance>.cpus`, `.memory`, `.disk`, `.bridged`, and those which only Berth has: `.pids`, `.autostart`, `.labels`. */
import type { AutostartPolicy, Instance } from "../api/instance.ts";
import { labelsFrom, labelsText } from "../api/labels.ts";
import type { SizeChange } from "../api/lifecycle.ts";
import { MINIMUM_DISK_BYTES, MINIMUM_MEMORY_BYTES } from "../api/limits.ts";
import { EngineError } from "../base/errors.ts";
import { flagFrom } from "../base/flags.ts";
import { formatBytes, parseSize } from "../base/units.ts";
import type { Dialect } from "./formats.ts";
import type { Session } from "./session.ts";

const SIZES = ["cpus", "disk", "memory"] as const;
const PROPERTIES = [...SIZES, "pids", "bridged", "autostart", "labels"] as const;
/** What a limit of a container is called that it has not. */
const NONE = "none";
type Property = (typeof PROPERTIES)[number];
const POLICIES: readonly AutostartPolicy[] = ["off", "on", "restore"];

/** Those that the command has under this name of its. */
const propertiesOf = (dialect: Dialect): readonly Property[] =>
  dialect === "multipass" ? [...SIZES, "bridged"] : PROPERTIES;

/** `local.<name>.<property>`, taken apart. */
export type InstanceKey = { key: string; name: string; property: Property };

/** What a user wrote for the sizes; each is absent where it stays. */
export type InstanceSizes = { [K in Property]?: string | undefined };

/** Undefined for every other setting. Pure. */
export function instanceKey(key: string | undefined, dialect: Dialect = "berth"): InstanceKey | undefined {
  const match = /^local\.([^.]+)\.([^.]+)$/.exec(key ?? "");
  const property = propertiesOf(dialect).find((one) => one === match?.[2]);
  return match?.[1] && property ? { key: match[0], name: match[1], property } : undefined;
}

/** The keys of all instances but those in the trash. */
export async function instanceKeys(session: Session): Promise<string[]> {
  const { api } = await session.client();
  const { items } = await api.instances.list();
  return items
    .filter(({ state }) => state !== "deleted")
    .flatMap(({ name, container }) =>
      propertiesOf(session.dialect)
        .filter((property) => property !== "pids" || container)
        .map((property) => `local.${name}.${property}`),
    );
}

/** As it is read by people; with `raw`, as a plain number. */
export async function getInstance(
  session: Session,
  { name, property }: InstanceKey,
  options: { raw?: boolean | undefined } = {},
): Promise<string> {
  const { api } = await session.client();
  const instance = await api.instances.get({ name });
  if (property === "bridged") return String(await isBridged(session, instance));
  return sizeText(instance, property, options.raw ?? false);
}

/** Pure. */
export function sizeText(
  {
    cpus,
    memoryBytes,
    diskBytes,
    autostart,
    labels,
    container,
  }: Pick<Instance, "cpus" | "memoryBytes" | "diskBytes" | "autostart" | "labels" | "container">,
  property: Exclude<Property, "bridged">,
  raw: boolean,
): string {
  if (property === "cpus") return String(cpus || NONE);
  if (property === "pids") return String(container?.pidsLimit ?? NONE);
  if (property === "autostart") return autostart;
  if (property === "labels") return labelsText(labels);
  const bytes = property === "memory" ? memoryBytes : diskBytes;
  if (bytes === 0) return NONE;
  if (raw) return String(bytes);
  // Multipass always writes one decimal.
  return formatBytes(bytes).replace(/^(\d+)([KMGT]iB)$/, "$1.0$2");
}

/** Whether it has a NIC on the network that is set for that. */
async function isBridged(session: Session, { networks }: Pick<Instance, "networks">): Promise<boolean> {
  const { api } = await session.client();
  const network = (await api.settings.get())["local.bridged-network"];
  return networks.some((one) => one.network === network);
}

/** It can only be given one: Multipass has no way back, and Berth has `network detach`. */
async function bridge(session: Session, name: string, text: string): Promise<void> {
  const { api } = await session.client();
  const wanted = yesOrNo(name, text);
  const is = await isBridged(session, await api.instances.get({ name }));
  if (wanted === is) return;
  if (wanted) await session.operate(() => api.networks.attach({ name, network: "bridged" }));
  else {
    throw new EngineError(
      "invalid-argument",
      `cannot set bridged of ${name}: Bridged interface cannot be removed`,
      {
        hint: `berth network detach ${name} takes a NIC away.`,
      },
    );
  }
}

function yesOrNo(name: string, text: string): boolean {
  const flag = flagFrom(text);
  if (flag !== undefined) return flag;
  const reason = `cannot set bridged of ${name}: ${text || "nothing"} is neither true nor false`;
  throw new EngineError("invalid-argument", reason);
}

/** Changes the sizes of a stopped instance and waits until that is done. */
export async function setInstance(session: Session, name: string, sizes: InstanceSizes): Promise<void> {
  if (sizes.bridged !== undefined) return bridge(session, name, sizes.bridged);
  const change = sizeChange(name, sizes);
  // Who scripts Multipass has to find the snapshots that it would have made, and no others.
  const snapshot = session.dialect !== "multipass";
  await session.operate((api) => api.instances.update({ name, ...change, snapshot }));
}

/** Throws `invalid-argument` for what is no size. */
export function sizeChange(
  name: string,
  { cpus, memory, disk, pids, autostart, labels }: InstanceSizes,
): SizeChange {
  const bytes = (text: string, what: "memory" | "disk", least: number) => {
    if (what === "memory" && isNone(text)) return 0;
    const size = parseSize(text, what);
    if (size >= least) return size;
    throw new EngineError("invalid-argument", `cannot set ${what} of ${name}: ${text} is too small`, {
      hint: `Give at least ${formatBytes(least)}.`,
    });
  };
  return {
    ...(cpus === undefined ? {} : { cpus: cpuCount(name, cpus) }),
    ...(pids === undefined ? {} : { pidsLimit: pidsCount(name, pids) }),
    ...(memory === undefined ? {} : { memoryBytes: bytes(memory, "memory", MINIMUM_MEMORY_BYTES) }),
    ...(disk === undefined ? {} : { diskBytes: bytes(disk, "disk", MINIMUM_DISK_BYTES) }),
    ...(autostart === undefined ? {} : { autostart: policyFrom(autostart, `set autostart of ${name}`) }),
    ...(labels === undefined ? {} : { labels: labelsFrom(labels) }),
  };
}

/** Throws `invalid-argument`, in words that begin with `cannot <doing>`, for what is no policy. Pure. */
export function policyFrom(text: string, doing: string): AutostartPolicy {
  const policy = POLICIES.find((one) => one === text.trim());
  if (policy) return policy;
  throw new EngineError("invalid-argument", `cannot ${doing}: ${text || "nothing"} is not a policy`, {
    hint: `Give one of ${POLICIES.join(", ")}.`,
  });
}

const MOST_CPUS = 512;
const MOST_PIDS = 4_194_304;

/** `none` takes a limit of a container away; the engine knows whether it is one. */
function isNone(text: string): boolean {
  return text.trim() === NONE;
}

function pidsCount(name: string, text: string): number {
  if (isNone(text)) return 0;
  const count = /^\d{1,7}$/.test(text.trim()) ? Number(text) : 0;
  if (count >= 1 && count <= MOST_PIDS) return count;
  const reason = `cannot set pids of ${name}: ${text || "nothing"} is not a number of processes`;
  throw new EngineError("invalid-argument", reason, {
    hint: `Give a whole number from 1, or ${NONE} for no limit.`,
  });
}

function cpuCount(name: string, text: string): number {
  if (isNone(text)) return 0;
  const count = /^\d{1,3}$/.test(text.trim()) ? Number(text) : 0;
  if (count >= 1 && count <= MOST_CPUS) return count;
  throw new EngineError("invalid-argument", `cannot set cpus of ${name}: ${text} is not a number of CPUs`, {
    hint: "Give a whole number from 1.",
  });
}
