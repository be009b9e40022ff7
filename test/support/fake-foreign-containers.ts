/** What others have made in a FakeRuntime, and what it has of instances. */
import { EngineError } from "../../src/base/errors.ts";
import type { Driver } from "../../src/engine/drivers/driver.ts";
import type {
  Adoption,
  ForeignContainers,
  FoundContainer,
} from "../../src/engine/drivers/foreign-containers.ts";
import type { FakeRuntime } from "./fake-containers.ts";

const ADOPTION: Omit<Adoption, "spec"> = {
  ...{ arch: undefined, cpus: 2, memoryBytes: 2 ** 28, isolated: false },
  ports: [{ protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 18_123, guestPort: 80 }],
};

/** A container that others have made; its id is made of its name. */
export function foreignContainer(name: string, more: Partial<FoundContainer> = {}): FoundContainer {
  const id = Buffer.from(name).toString("hex").padEnd(64, "0").slice(0, 64);
  const createdAt = new Date(0).toISOString();
  const facts = { runtime: "docker", image: "postgres:16", state: "running", otherBerth: false } as const;
  return { ...facts, id, name, createdAt, ...more };
}

/** What the container of an instance is called. */
const nameOf = (instance: string) => `berth-${instance}`;

/** Of the container that was made for an instance of this name. */
export function idOf(instance: string): string {
  return foreignContainer(nameOf(instance)).id;
}

export function fakeForeignContainers(
  runtime: FakeRuntime,
  guests: Pick<Driver, "create">,
): ForeignContainers {
  const all = () => [
    ...runtime.others.values(),
    ...[...runtime.containers.values()].map(({ id, name }) =>
      foreignContainer(nameOf(name), { instance: id }),
    ),
  ];
  return {
    list: async (_ctx, where = {}) => {
      if (!runtime.available) throw new EngineError("missing-dependency", "no runtime runs here");
      return all().filter((one) => where.runtime === undefined || one.runtime === where.runtime);
    },
    look: async (_ctx, { id }) => {
      const { image } = all().find((one) => one.id === id) ?? foreignContainer("gone");
      const spec = { shape: "application", command: ["serve"], env: { PASSWORD: "canary" } } as const;
      return {
        ...ADOPTION,
        spec: { ...spec, command: [...spec.command], image: { reference: image, id: `sha256:${image}` } },
      };
    },
    watch: (told) => {
      told();
      return runtime.listed.event(told);
    },
    logs: async ({ signal }, { id, name }, request) => {
      const found = all().find((one) => one.id === id);
      if (!found) throw new EngineError("not-found", `cannot read the log of ${name}: it is gone`);
      return runtime.log(found.instance ?? id, request, signal);
    },
    adopt: async (ctx, instance) => {
      await runtime.host.step("adopt", instance.name, ctx.signal);
      const found = all().find(({ id }) => id === instance.container?.adopted);
      if (!found) throw new EngineError("not-found", `cannot adopt ${instance.name}: it is gone`);
      await guests.create(ctx, instance);
      if (found.state === "running" && !runtime.host.guests.has(instance.id)) runtime.host.boot(instance);
    },
  };
}
