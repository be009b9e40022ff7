/**
 * Every procedure and every byte stream, for every role, on what is granted, on what is another's and on what never was: made
 * from the contract, so that no new one is left out. What is refused is asked of a real engine; what is allowed, and would
 * change something, of one whose work does nothing.
 */
import { randomUUID } from "node:crypto";
import { isContractProcedure } from "@orpc/contract";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Privilege } from "../../src/api/access.ts";
import { contract } from "../../src/api/contract.ts";
import type { Endpoint } from "../../src/base/paths.ts";
import { BUILT_IN_ROLES, rolesWith } from "../../src/engine/access/roles.ts";
import type { EngineCore } from "../../src/engine/engine-core.ts";
import { silentLog } from "../../src/engine/log.ts";
import { type EngineServer, startServer } from "../../src/engine/server/server.ts";
import { STREAMS } from "../../src/engine/server/streams.ts";
import { isFiltered, OF_ALL } from "../../src/engine/server/visible.ts";
import { type Answer, ask, on, upgrade, user } from "../support/access-world.ts";
import { FakeCore, fakeInstance } from "../support/fake-core.ts";
import { FakeWorld, succeeded } from "../support/fake-engine.ts";
import { type FakeServer, fakeServer } from "../support/fake-server.ts";

type Call = {
  name: string;
  method: string;
  path: string;
  privilege: Privilege;
  touches: string;
  socket: boolean;
};

function callsOf(router: object, prefix = ""): Call[] {
  return Object.entries(router).flatMap(([key, value]): Call[] => {
    if (!isContractProcedure(value)) return callsOf(value as object, `${prefix}${key}.`);
    const { route, meta } = value["~orpc"];
    const { privilege, touches } = meta as { privilege: Privilege; touches: string };
    const { method = "", path = "" } = route;
    return [{ name: `${prefix}${key}`, method, path, privilege, touches, socket: false }];
  });
}

const SOCKETS: Call[] = ["exec", "tunnel", "display", "console", "sftp", "logs", "attach", "export"].map(
  (kind) => {
    const { privilege, touches } = STREAMS[kind as "exec"];
    return {
      name: kind,
      method: "GET",
      path: `/v1/instances/{name}/${kind}`,
      privilege,
      touches,
      socket: true,
    };
  },
);

/** Leaving would end the test's own engine. */
const CALLS = [...callsOf(contract), ...SOCKETS].filter(({ name }) => name !== "engine.drain");

const ROLES = BUILT_IN_ROLES.map(({ name }) => name);
const held = rolesWith([]);
const PLACES = ["own", "foreign", "none"] as const;
type Place = (typeof PLACES)[number];

/** What a call is to answer one who has the role in the project `web` and nothing else. */
function expected({ touches, privilege }: Call, role: string, place: Place): "served" | "denied" | "absent" {
  const has = held.get(role)?.has(privilege) ?? false;
  if (touches === "*") return has || privilege === "system.view" ? "served" : "denied";
  if (["/system", "/access", "/images"].includes(touches)) return "denied";
  if (touches.startsWith("/repositories")) return "absent";
  if (place !== "own") return "absent";
  return has ? "served" : "denied";
}

type Side = { endpoint: Endpoint; tokens: Map<string, string>; operations: Record<Place, string> };

let world: FakeWorld;
let engine: EngineCore;
let server: EngineServer;
let played: FakeServer;
const sides: { real?: Side; played?: Side } = {};

beforeAll(async () => {
  world = await FakeWorld.make();
  engine = await world.open();
  const own = await succeeded(engine, engine.instances.launch({ name: "own", project: "web" }));
  const foreign = await succeeded(engine, engine.instances.launch({ name: "foreign", project: "ops" }));
  const { endpoint } = world.paths;
  server = await startServer({ core: engine, version: "0", endpoint, user: "tester", log: silentLog });
  const operations = { own: own.id, foreign: foreign.id, none: randomUUID() };
  sides.real = { endpoint, tokens: await tokensIn(engine), operations };

  const core = new FakeCore();
  core.put({ ...fakeInstance("own"), project: "web" });
  core.put({ ...fakeInstance("foreign"), project: "ops" });
  played = await fakeServer({ core });
  const begun = await Promise.all([core.instances.start("own"), core.instances.start("foreign")]);
  sides.played = {
    ...{ endpoint: played.endpoint, tokens: await tokensIn(core) },
    operations: { own: begun[0].id, foreign: begun[1].id, none: randomUUID() },
  };
}, 60_000);
afterAll(async () => {
  await server?.close();
  await world?.dispose();
  await played?.dispose();
});

async function tokensIn({ access }: Pick<EngineCore, "access">): Promise<Map<string, string>> {
  const tokens = new Map<string, string>();
  for (const role of ROLES) {
    tokens.set(role, await user(access, role, [on("/projects/web", role)]));
    tokens.set(`${role}-of-all`, await user(access, `${role}-of-all`, [on("/", role)]));
  }
  return tokens;
}

function askAs(side: Side, role: string, call: Call, place: Place): Promise<Answer> {
  const project = { own: "web", foreign: "ops", none: "nothing" }[place];
  const isInstance = call.touches.includes("/instances/");
  const words: Record<string, string> = {
    name: isInstance ? place : "somebody",
    id: call.touches.startsWith("/operations") ? side.operations[place] : randomUUID(),
    repository: "stored",
    backup: "abcd1234",
    protocol: "tcp",
    hostPort: "8080",
  };
  const url = call.path.replaceAll(/\{(\w+)\}/g, (_, key: string) => words[key] ?? "x");
  const token = side.tokens.get(role);
  if (call.socket) return upgrade(side.endpoint, token, url);
  return ask(side.endpoint, token, call.method, url, { project });
}

describe.each(ROLES)("%s of a project", (role) => {
  test.each(PLACES)(
    "on what is %s",
    async (place) => {
      const seen: string[] = [];
      const wanted: string[] = [];
      for (const call of CALLS) {
        const want = expected(call, role, place);
        const changes = call.method !== "GET" || call.socket;
        const side = want === "served" && changes ? sides.played : sides.real;
        const { status, text } = await askAs(side as Side, role, call, place);
        const lacks = status === 403 && / lacks |is not granted/.test(text);
        // What is on no path of its own is looked for by whoever answers.
        const absent =
          status === 404 && call.touches !== "*" && /^\{"code":"not-found","message":"cannot find/.test(text);
        const got = lacks ? "denied" : absent ? "absent" : "served";
        seen.push(`${call.name} ${got}`);
        wanted.push(`${call.name} ${want}`);
      }
      expect(seen).toEqual(wanted);
    },
    60_000,
  );
});

describe.each(ROLES)("%s of everything", (role) => {
  test("has what the role has, and all else is denied", async () => {
    const differing: string[] = [];
    for (const call of CALLS) {
      const wanted = (held.get(role)?.has(call.privilege) ?? false) || call.privilege === "system.view";
      const side = wanted && (call.method !== "GET" || call.socket) ? sides.played : sides.real;
      const { status, text } = await askAs(side as Side, `${role}-of-all`, call, "own");
      const lacks = status === 403 && / lacks |is not granted/.test(text);
      if (lacks === wanted) differing.push(`${call.name}: ${status} ${text}`);
    }
    expect(differing).toEqual([]);
  }, 60_000);
});

test("what is another's is answered as what never was, byte for byte", async () => {
  const side = sides.real as Side;
  const differing: string[] = [];
  for (const call of CALLS.filter(
    ({ touches }) => !["*", "/system", "/access", "/images"].includes(touches),
  )) {
    const [foreign, none] = await Promise.all([
      askAs(side, "operator", call, "foreign"),
      askAs(side, "operator", call, "none"),
    ]);
    const alike = (text: string) =>
      text
        .replaceAll(side.operations.foreign, "ID")
        .replaceAll(side.operations.none, "ID")
        .replaceAll(/foreign|none|ops|nothing/g, "X");
    if (foreign.status !== none.status || alike(foreign.text) !== alike(none.text))
      differing.push(`${call.name}: ${foreign.status} ${foreign.text} / ${none.status} ${none.text}`);
  }
  expect(differing).toEqual([]);
});

test("without a valid token nothing is answered but that", async () => {
  const { endpoint } = sides.real as Side;
  for (const token of [`berth_0123456789abcdef_${"A".repeat(43)}`, "berth_", "x"])
    for (const path of ["/v1/engine/hello", "/v1/instances", "/v1/nothing"])
      expect((await ask(endpoint, token, "GET", path)).status).toBe(401);
  expect((await upgrade(endpoint, "berth_x", "/v1/instances/own/exec")).status).toBe(401);
});

test("every answer of several things is looked through, or is everybody's", () => {
  const broad = CALLS.filter(({ touches, socket }) => touches === "*" && !socket).map(({ name }) => name);
  expect(broad.filter((name) => !isFiltered(name) && !OF_ALL.includes(name))).toEqual([]);
  expect(OF_ALL.filter((name) => !broad.includes(name))).toEqual([]);
});

test("every stream declares what it needs", () => {
  for (const { privilege, touches } of Object.values(STREAMS))
    expect([privilege, touches]).not.toContain(undefined);
});
