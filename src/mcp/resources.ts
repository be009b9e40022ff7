/** `berth://instances` and one resource per instance, kept true by the engine's events. */
import type { Server } from "@modelcontextprotocol/sdk/server/index.js";
import {
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ReadResourceRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { jsonText } from "../agent/tool.ts";
import { summaryOf } from "../agent/tools/instances.ts";
import type { Instance } from "../api/instance.ts";
import { EngineError } from "../base/errors.ts";
import type { EngineMirror } from "../client/mirror.ts";

const ALL = "berth://instances";
const JSON_TYPE = "application/json";

/** With `only`, nothing is told of other instances. */
export function serveResources(server: Server, mirror: EngineMirror, only: string | undefined): void {
  const subscribed = new Set<string>();
  /** Name of every instance that the client may have listed, by id: a removed one is no longer in the mirror. */
  let known = new Map<string, string>();
  const shown = (): Instance[] =>
    [...mirror.instances.values()]
      .filter(({ name }) => only === undefined || name === only)
      .sort((a, b) => a.name.localeCompare(b.name));

  const changed = (ids: readonly string[]) => {
    const now = new Map(shown().map(({ id, name }) => [id, name]));
    const names = [...new Set(ids.flatMap((id) => [known.get(id), now.get(id)]))];
    const listChanged = ids.some((id) => known.get(id) !== now.get(id));
    known = now;
    if (listChanged) void server.sendResourceListChanged().catch(() => {});
    for (const uri of [ALL, ...names.flatMap((name) => (name === undefined ? [] : [uriOf(name)]))])
      if (subscribed.has(uri)) void server.sendResourceUpdated({ uri }).catch(() => {});
  };
  const listening = mirror.onDidChangeInstances(changed);
  server.onclose = () => listening.dispose();

  server.setRequestHandler(ListResourcesRequestSchema, async () => {
    await mirror.client();
    const one = ({ name, state }: Instance) => ({
      uri: uriOf(name),
      name,
      description: state,
      mimeType: JSON_TYPE,
    });
    const all = { uri: ALL, name: "instances", description: "All instances", mimeType: JSON_TYPE };
    return { resources: [all, ...shown().map(one)] };
  });
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: `${ALL}/{name}`, name: "instance", mimeType: JSON_TYPE }],
  }));
  server.setRequestHandler(ReadResourceRequestSchema, async ({ params: { uri } }) => {
    await mirror.client();
    const text = uri === ALL ? jsonText(shown().map(summaryOf)) : jsonText(summaryOf(find(uri, shown())));
    return { contents: [{ uri, mimeType: JSON_TYPE, text }] };
  });
  server.setRequestHandler(SubscribeRequestSchema, async ({ params: { uri } }) => {
    await mirror.client(); // Without a connection there would be no events.
    subscribed.add(uri);
    return {};
  });
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params: { uri } }) => {
    subscribed.delete(uri);
    return {};
  });
}

function uriOf(name: string): string {
  return `${ALL}/${encodeURIComponent(name)}`;
}

function find(uri: string, instances: readonly Instance[]): Instance {
  const found = instances.find(({ name }) => uriOf(name) === uri);
  if (found) return found;
  throw new EngineError("not-found", `cannot read ${uri}: there is no such instance`);
}
