/** Tools for instances as a whole: which there are, making, starting, stopping and removing them, and their ports. */
import * as z from "zod";
import type { Instance as InstanceFacts } from "../../api/instance.ts";
import { NetworkMode } from "../../api/network-mode.ts";
import { formatBytes } from "../../base/units.ts";
import {
  ADDS,
  DESTROYS,
  Instance,
  jsonText,
  operate,
  POWER_MS,
  READS,
  type Tool,
  told,
  tool,
} from "../tool.ts";
import { machineInput, machineSpec } from "./machine.ts";

/** What a model needs to know of an instance. Pure. */
export function summaryOf(instance: InstanceFacts): Record<string, unknown> {
  const { name, state, ready, image, cpus, memoryBytes, diskBytes, network, address, problems } = instance;
  return {
    ...{ name, state, ready, image: `${image.os} ${image.release}`.trim() || image.reference, cpus },
    ...{ memory: formatBytes(memoryBytes), disk: formatBytes(diskBytes), network, address },
    ports: instance.ports.map(({ protocol, hostAddress, hostPort, guestPort }) => {
      return `${hostAddress}:${hostPort} -> ${guestPort}/${protocol}`;
    }),
    mounts: instance.mounts.map(({ source, target }) => `${source} at ${target}`),
    ...(instance.display ? { display: true } : {}),
    ...(instance.encrypted ? { encrypted: true } : {}),
    ...(instance.container ? { container: instance.container.runtime ?? true } : {}),
    snapshots: instance.snapshotCount,
    ...(problems.length > 0 ? { problems: problems.map(({ message }) => message) } : {}),
  };
}

const list = tool({
  name: "list_instances",
  title: "List instances",
  description:
    "Lists all virtual machines and containers that Berth knows with their state, sizes, network mode, forwarded ports and mounted directories. Those in state deleted are in the trash.",
  input: z.object({}),
  hints: READS,
  inGuest: false,
  run: async ({ client, signal }) => {
    const { items } = await (await client()).api.instances.list(undefined, { signal });
    return items.length === 0 ? "There are no instances." : jsonText(items.map(summaryOf));
  },
});

const info = tool({
  name: "instance_info",
  title: "Show an instance",
  description:
    "Tells of one instance: state, sizes, ports, mounts, snapshots, and what its guest says of itself (release, load, memory, disk, addresses).",
  input: z.object({ instance: Instance }),
  hints: READS,
  inGuest: true,
  run: async ({ client, signal }, { instance: name }) => {
    const { api } = await client();
    const [facts, details, snapshots] = await Promise.all([
      api.instances.get({ name }, { signal }),
      api.instances.details({ name }, { signal }),
      api.snapshots.list({ instance: name }, { signal }),
    ]);
    const kept = snapshots.items.map(({ name: snapshot, comment, createdAt, current }) => {
      return { snapshot, comment, createdAt, current };
    });
    return jsonText({ ...summaryOf(facts), snapshots: kept, guest: details });
  },
});

const launch = tool({
  name: "launch_instance",
  title: "Launch an instance",
  description:
    'Creates a virtual machine and starts it; it is ready for commands when this returns, which can take minutes. Without network "default" it reaches nothing beyond itself. Use create_sandbox to work on a folder of the user\'s computer.',
  input: z.object({
    ...machineInput,
    network: NetworkMode.default("isolated").describe(
      "isolated: it reaches nothing. nat: what the user's computer reaches. default: other instances, too. private:NAME: the instances in that network alone",
    ),
  }),
  hints: ADDS,
  inGuest: false,
  timeoutMs: POWER_MS,
  question: ({ instance, image, cpus = 1, memory_mib = 1024, network }) =>
    `Launch ${instance ?? "an instance"} from the image ${image} with ${cpus} CPU${cpus === 1 ? "" : "s"} and ${memory_mib} MiB of memory? ${
      network === "default"
        ? "It will reach the Internet and whatever this computer reaches."
        : "It will reach nothing beyond itself."
    }`,
  guarded: ({ network }) => network === "default",
  run: async (context, { network, ...machine }) => {
    const spec = { ...machineSpec(machine), network };
    const done = await operate(context, (api, options) => api.instances.launch(spec, options));
    return told(`Launched: ${done.target}`, done);
  },
});

const start = tool({
  name: "start_instance",
  title: "Start an instance",
  description: "Starts a stopped instance, or lets a suspended one go on; nothing happens to one that runs.",
  input: z.object({ instance: Instance }),
  hints: { ...ADDS, idempotent: true },
  inGuest: true,
  timeoutMs: POWER_MS,
  run: async (context, { instance: name }) => {
    const done = await operate(context, (api, options) => api.instances.start({ name }, options));
    return told(`${name} is running.`, done);
  },
});

const stop = tool({
  name: "stop_instance",
  title: "Stop an instance",
  description: "Shuts an instance down; programs in it end, its disk is kept.",
  input: z.object({ instance: Instance }),
  hints: { ...DESTROYS, idempotent: true },
  inGuest: true,
  timeoutMs: POWER_MS,
  question: ({ instance }) => `Stop ${instance}? Programs that run in it end; its disk is kept.`,
  guarded: () => true,
  run: async (context, { instance: name }) => {
    const done = await operate(context, (api, options) => api.instances.stop({ name }, options));
    return told(`${name} is stopped.`, done);
  },
});

const remove = tool({
  name: "delete_instance",
  title: "Delete an instance",
  description:
    "Moves an instance to the trash, from which the user can recover it; with purge it is removed for good.",
  input: z.object({
    instance: Instance,
    purge: z.boolean().default(false).describe("For good, past the trash"),
  }),
  hints: DESTROYS,
  inGuest: true,
  timeoutMs: POWER_MS,
  question: ({ instance, purge }) =>
    purge
      ? `Remove ${instance} for good, with its disks and snapshots? This cannot be undone.`
      : `Stop ${instance} and move it to the trash? It can be recovered from there.`,
  guarded: () => true,
  run: async (context, { instance: name, purge }) => {
    const done = await operate(context, (api, options) => api.instances.delete({ name, purge }, options));
    return told(purge ? `${name} is removed for good.` : `${name} is in the trash.`, done);
  },
});

const Port = z.int().min(1).max(65_535);

const forward = tool({
  name: "forward_port",
  title: "Forward a port to an instance",
  description:
    "Makes a TCP port of the instance reachable as a port of the user's computer, from there only. list_instances shows what is forwarded.",
  input: z.object({
    instance: Instance,
    guest_port: Port,
    host_port: Port.optional().describe("Left out: the same number where it is free, else any"),
  }),
  hints: { ...ADDS, idempotent: true },
  inGuest: true,
  question: ({ instance, guest_port, host_port }) =>
    `Let programs of this computer connect to port ${guest_port} of ${instance}, by ${host_port === undefined ? "a port" : `port ${host_port}`} of 127.0.0.1?`,
  guarded: () => true,
  run: async (context, { instance: name, guest_port: guestPort, host_port: hostPort }) => {
    const wanted = { name, guestPort, ...(hostPort === undefined ? {} : { hostPort }) };
    const done = await operate(context, (api, options) => api.ports.add(wanted, options));
    const { api } = await context.client();
    const { ports } = await api.instances.get({ name }, { signal: context.signal });
    const made = ports.filter((one) => one.guestPort === guestPort && one.protocol === "tcp").at(-1);
    return told(`Port ${guestPort} of ${name} is at ${made?.hostAddress}:${made?.hostPort}.`, done);
  },
});

const close = tool({
  name: "close_port",
  title: "Stop forwarding a port",
  description: "Takes a forward of a TCP port away; nothing happens where there is none.",
  input: z.object({ instance: Instance, host_port: Port }),
  hints: { ...DESTROYS, idempotent: true },
  inGuest: true,
  question: ({ instance, host_port }) =>
    `Close port ${host_port} of this computer, which leads to ${instance}?`,
  run: async (context, { instance: name, host_port: hostPort }) => {
    const done = await operate(context, (api, options) =>
      api.ports.remove({ name, protocol: "tcp", hostPort }, options),
    );
    return told(`Port ${hostPort} leads to ${name} no more.`, done);
  },
});

export const INSTANCE_TOOLS: readonly Tool[] = [list, info, launch, start, stop, remove, forward, close];
