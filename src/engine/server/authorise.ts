/**
 * The one decision before every procedure and every byte stream: may this one do that to this. What may not be seen is answered
 * as what never was, with the same words.
 */
import type { Privilege } from "../../api/access.ts";
import type { Needs } from "../../api/contract.ts";
import { EngineError } from "../../base/errors.ts";
import type { Asking } from "../access/asking.ts";
import { instancePath, projectPath, repositoryPath } from "../access/paths.ts";
import type { Principal } from "../access/principal.ts";
import type { EngineCore } from "../engine-core.ts";

/** What is looked at of the engine. */
export type Seen = Pick<EngineCore, "access"> & {
  instances: Pick<EngineCore["instances"], "projectOf">;
  operations: Pick<EngineCore["operations"], "originOf">;
};

export type Request = {
  /** In the record: `instances.stop`. */
  procedure: string;
  needs: Partial<Needs>;
  /** Not validated yet. */
  input: unknown;
};

export type Verdict = {
  /** Who asks from now on; undefined: the owner. */
  who?: Asking | undefined;
  /** What it was about, where that is one thing. */
  path?: string | undefined;
  /** `permission-denied`, or `not-found` for what may not be seen. */
  refused?: EngineError;
};

/** Who asks from now on; undefined: the owner. Throws where it is refused. */
export function authorise(core: Seen, principal: Principal, request: Request): Asking | undefined {
  const { who, refused } = judge(core, principal, request);
  if (refused) throw refused;
  return who;
}

export function judge(core: Seen, principal: Principal, request: Request): Verdict {
  const { procedure, needs } = request;
  const { privilege, touches } = needs;
  if (privilege === undefined || touches === undefined) {
    throw new EngineError("internal", `cannot call ${procedure}: it does not declare what it needs`);
  }
  if (principal.kind === "owner") return {};
  const { access } = core;
  const may = (wanted: Privilege, path: string) => access.may(principal, wanted, path);
  if (touches === "*") {
    if (access.mayAnywhere(principal, privilege)) return { who: { principal, privilege, may } };
    return { refused: lacks(principal, privilege, procedure) };
  }
  const { path, unknown, mine } = placeOf(core, principal, touches, request.input);
  if (path === undefined) return { refused: unknown };
  if (mine || may(privilege, path)) return { who: { principal, privilege, path, may }, path };
  if (may(viewOf(path), path)) return { refused: lacks(principal, privilege, procedure, path), path };
  return { refused: unknown, path };
}

type Place = {
  /** Absent of what is not there. */
  path?: string;
  /** What is said where nothing of it may be seen. */
  unknown: EngineError;
  /** The one who asks has begun it. */
  mine?: boolean;
};

function placeOf(core: Seen, principal: Principal, touches: string, input: unknown): Place {
  const given = (key: string) => textIn(input, key);
  switch (touches) {
    case "/projects/*/instances/{name}":
      return instancePlace(core, given("name"));
    case "/projects/{project}": {
      const name = given("project");
      const reason = `cannot find ${name}: project "${name}" does not exist`;
      return { path: projectPath(name || undefined), unknown: new EngineError("not-found", reason) };
    }
    case "/repositories/{name}":
      return repositoryPlace(given("name"));
    case "/repositories/{repository}":
      return repositoryPlace(given("repository"));
    case "/operations/{id}":
      return operationPlace(core, principal, given("id"));
    default: {
      // Of the engine itself everybody knows that it is there.
      const unknown = new EngineError("permission-denied", `cannot reach ${touches}: it is not granted`);
      return { path: touches, unknown };
    }
  }
}

function instancePlace({ instances }: Seen, name: string): Place {
  const unknown = new EngineError("not-found", `cannot find ${name}: instance "${name}" does not exist`);
  const project = instances.projectOf(name);
  return project === undefined ? { unknown } : { path: instancePath({ name, project }), unknown };
}

function repositoryPlace(name: string): Place {
  const reason = `cannot find ${name}: there is no repository of that name`;
  return { path: repositoryPath(name), unknown: new EngineError("not-found", reason) };
}

function operationPlace({ operations }: Seen, principal: Principal, id: string): Place {
  const reason = `cannot find operation ${id}: it is unknown or long past`;
  const unknown = new EngineError("not-found", reason);
  const origin = operations.originOf(id);
  return origin ? { path: origin.path, unknown, mine: origin.by === principal.name } : { unknown };
}

/** What makes something visible at a path. */
export function viewOf(path: string): Privilege {
  if (path.startsWith("/repositories")) return "repository.view";
  if (path === "/images") return "image.use";
  if (path === "/access") return "access.delegate";
  if (path === "/system") return "system.view";
  return path.includes("/instances/") ? "instance.view" : "project.view";
}

/** Only text names anything; the schema refuses the rest of it afterwards. */
function textIn(input: unknown, key: string): string {
  if (typeof input !== "object" || input === null) return "";
  const value = (input as Record<string, unknown>)[key];
  return typeof value === "string" ? value.slice(0, 255) : "";
}

function lacks({ name }: Principal, privilege: Privilege, procedure: string, path?: string): EngineError {
  const where = path === undefined ? "" : ` on ${path}`;
  return new EngineError(
    "permission-denied",
    `cannot call ${procedure}: ${name} lacks ${privilege}${where}`,
    {
      hint: "berth access me tells what you may do.",
    },
  );
}
