/** The OpenAPI document of the contract. */
import { isContractProcedure } from "@orpc/contract";
import { OpenAPIGenerator } from "@orpc/openapi";
import { ZodToJsonSchemaConverter } from "@orpc/zod/zod4";
import { contract, type Meta } from "../src/api/contract.ts";
import { EngineHello, EngineInfo, Settings } from "../src/api/engine-info.ts";
import { EngineEvent } from "../src/api/event.ts";
import { CachedImage, ImageEntry } from "../src/api/image.ts";
import { Instance, InstanceDetails, Problem } from "../src/api/instance.ts";
import { ErrorBodySchema, Operation } from "../src/api/operation.ts";
import { PROTOCOL_VERSION } from "../src/api/protocol.ts";

/** Schemas that the document names once and refers to; of the two views of a schema, what the engine answers. */
const NAMED = {
  CachedImage,
  EngineEvent,
  EngineHello,
  EngineInfo,
  Error: ErrorBodySchema,
  ImageEntry,
  Instance,
  InstanceDetails,
  Operation,
  Problem,
  Settings,
};

/** Pretty JSON with a final newline; the same contract always gives the same text. */
export async function openApiText(): Promise<string> {
  const generator = new OpenAPIGenerator({ schemaConverters: [new ZodToJsonSchemaConverter()] });
  const commonSchemas = Object.fromEntries(
    Object.entries(NAMED).map(([name, schema]) => [name, { schema, strategy: "output" as const }]),
  );
  const document = await generator.generate(contract, {
    info: {
      title: "Berth engine",
      version: String(PROTOCOL_VERSION),
      description: [
        "Virtual machines and containers on this computer. The engine listens on a Unix socket (Windows: a named pipe,",
        "with the contents of its token file as bearer token) that only its user may open; address it as",
        "http://localhost. Every mutation answers an Operation at once: wait for it or follow the events.",
        "Processes in a guest run over a WebSocket on /v1/instances/{name}/exec, connections to its ports over one on",
        "/v1/instances/{name}/tunnel, to its screen over one on /v1/instances/{name}/display, to its serial console over one",
        "on /v1/instances/{name}/console, SFTP over one on /v1/instances/{name}/sftp; src/api/streams.ts describes them.",
      ].join("\n"),
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "http://localhost" }],
    commonSchemas,
  });
  addFacts(document.paths as Paths);
  return `${JSON.stringify(document, null, 2)}\n`;
}

type Operations = Record<
  string,
  { operationId?: string; responses?: Record<string, unknown> } & Record<string, unknown>
>;
type Paths = Record<string, Operations>;

/** What every path has and the contract does not spell out: the error answer, and what a caller needs on what. */
function addFacts(paths: Paths): void {
  const all = new Map(proceduresOf(contract).map(([name, { meta }]) => [name, meta as Meta]));
  for (const operations of Object.values(paths)) {
    for (const operation of Object.values(operations)) {
      const needs = all.get(operation.operationId ?? "");
      operation["x-privilege"] = needs?.privilege;
      operation["x-touches"] = needs?.touches;
      operation.responses = {
        ...operation.responses,
        default: {
          description: "It was not done; the status follows from the code",
          content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
        },
      };
    }
  }
}

/** `instances.launch` → method and path, for every procedure; a line each. */
export function routesText(): string {
  const lines = proceduresOf(contract).map(([name, { route }]) => {
    const { method = "POST", path = "" } = route;
    return `  ${JSON.stringify(name)}: [${JSON.stringify(method)}, ${JSON.stringify(path)}]`;
  });
  return `{\n${lines.sort().join(",\n")}\n}\n`;
}

type Definition = { route: { method?: string | undefined; path?: string | undefined }; meta: unknown };

function proceduresOf(router: object, prefix = ""): [name: string, definition: Definition][] {
  return Object.entries(router).flatMap(([key, value]): [string, Definition][] =>
    isContractProcedure(value)
      ? [[`${prefix}${key}`, value["~orpc"]]]
      : proceduresOf(value as object, `${prefix}${key}.`),
  );
}
