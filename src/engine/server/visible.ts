/** Of an answer that tells of several things, those that may be seen. Every procedure that touches `*` has a line here. */
import type { EngineInfo } from "../../api/engine-info.ts";
import type { EngineEvent } from "../../api/event.ts";
import type { PrivateNetwork } from "../../api/network-mode.ts";
import { deferred } from "../../base/async.ts";
import type { Asking } from "../access/asking.ts";
import { instancePath, projectPath, repositoryPath, SYSTEM } from "../access/paths.ts";
import type { EngineCore } from "../engine-core.ts";
import { viewOf } from "./authorise.ts";

export type Viewer = {
  core: Pick<EngineCore, "id" | "access" | "operations"> & {
    instances: Pick<EngineCore["instances"], "projectOf">;
  };
  who: Asking;
};

type Item = Record<string, unknown>;
/** Whether an item of a list may be seen. */
type Test = (item: Item, viewer: Viewer) => boolean;

const sees = (viewer: Viewer, path: string) => viewer.who.may(viewOf(path), path);

const bothNamed: Test = (item, viewer) => seesInstance(String(item["instance"]), viewer);

const LISTS: Readonly<Record<string, Test>> = {
  "instances.list": (item, viewer) => sees(viewer, instancePath(item as { name: string; project?: string })),
  "snapshots.list": bothNamed,
  "operations.list": ({ id }, viewer) => seesOperation(String(id), viewer),
  "repositories.list": ({ name }, viewer) => sees(viewer, repositoryPath(String(name))),
  "backups.list": ({ repository, instance }, viewer) =>
    sees(viewer, repositoryPath(String(repository))) &&
    sees(viewer, instancePath(instance as { name: string })),
  "backups.plans": bothNamed,
  "projects.list": ({ name }, viewer) => sees(viewer, projectPath(String(name))),
};

/** What is the engine's own and nobody's, or is looked through where it is put together. */
export const OF_ALL: readonly string[] = [
  ...["engine.hello", "settings.get", "zones.list", "networks.list", "keys.status"],
  ...[
    "access.passphrase",
    "access.me",
    "access.roles",
    "access.tokens",
    "access.addToken",
    "access.removeToken",
  ],
  ...["access.users", "access.groups", "access.grants", "access.grant", "access.revoke"],
  ...["images.find", "images.cached", "containerImages.list"],
];

type Whole = (answer: never, viewer: Viewer) => unknown;

const OTHERS: Readonly<Record<string, Whole>> = {
  "aliases.list": ({ active, contexts }: Aliases, viewer) => ({
    active,
    contexts: Object.fromEntries(
      Object.entries(contexts).map(([name, aliases]) => [
        name,
        Object.fromEntries(
          Object.entries(aliases).filter(([, { instance }]) => seesInstance(instance, viewer)),
        ),
      ]),
    ),
  }),
  "engine.info": (info: EngineInfo, viewer) =>
    sees(viewer, SYSTEM) ? info : { ...info, dataDirectory: "", logFile: "", problems: [] },
  "privateNetworks.list": ({ items }: { items: PrivateNetwork[] }, viewer) => ({
    items: items.map((one) => withSeen(one, viewer)),
  }),
  "privateNetworks.get": (one: PrivateNetwork, viewer) => withSeen(one, viewer),
  "events.subscribe": (events: AsyncIterable<EngineEvent>, viewer) => visibleEvents(events, viewer),
};

type Aliases = { active: string; contexts: Record<string, Record<string, { instance: string }>> };

/** Whether a procedure's answers are looked through. */
export function isFiltered(procedure: string): boolean {
  return Object.hasOwn(LISTS, procedure) || Object.hasOwn(OTHERS, procedure);
}

export function visible(procedure: string, answer: unknown, viewer: Viewer): unknown {
  const whole = OTHERS[procedure];
  if (whole) return whole(answer as never, viewer);
  const test = LISTS[procedure];
  if (!test) return answer;
  const { items, ...rest } = answer as { items: Item[] };
  return { ...rest, items: items.filter((item) => test(item, viewer)) };
}

/** Who is in it, as far as that may be known. */
function withSeen({ name, instances }: PrivateNetwork, viewer: Viewer): PrivateNetwork {
  return { name, instances: instances.filter((one) => seesInstance(one, viewer)) };
}

function seesInstance(name: string, viewer: Viewer): boolean {
  const project = viewer.core.instances.projectOf(name);
  return project !== undefined && sees(viewer, instancePath({ name, project }));
}

export function seesOperation(id: string, viewer: Viewer): boolean {
  const origin = viewer.core.operations.originOf(id);
  if (!origin) return false;
  return origin.by === viewer.who.principal.name || sees(viewer, origin.path);
}

/** Whoever may see more or less than before is told to list again. */
async function* visibleEvents(
  events: AsyncIterable<EngineEvent>,
  viewer: Viewer,
): AsyncGenerator<EngineEvent, void> {
  const { id, access } = viewer.core;
  const source = events[Symbol.asyncIterator]();
  let changed = deferred<undefined>();
  const listening = access.onDidChange(() => changed.resolve(undefined));
  let next = source.next();
  let sequence = 0;
  try {
    for (;;) {
      const first = await Promise.race([next, changed.promise]);
      if (!first) {
        changed = deferred();
        yield { type: "resync", engine: id, sequence, at: new Date().toISOString() };
        continue;
      }
      if (first.done) return;
      sequence = first.value.sequence;
      if (seesEvent(first.value, viewer)) yield first.value;
      next = source.next();
    }
  } finally {
    listening.dispose();
    await source.return?.();
  }
}

function seesEvent(event: EngineEvent, viewer: Viewer): boolean {
  switch (event.type) {
    case "instance":
      return sees(viewer, instancePath(event.instance));
    case "instance-removed":
      return sees(viewer, instancePath(event));
    case "operation":
      return seesOperation(event.operation.id, viewer);
    default:
      return true; // It says nothing but that something is to be asked for anew.
  }
}
