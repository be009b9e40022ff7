/** Users with tokens at an engine's server, and requests in their names, as any program sends them. */
import { request } from "node:http";
import type { Grant, KeptGrant } from "../../src/api/access.ts";
import type { Endpoint } from "../../src/base/paths.ts";
import type { Access } from "../../src/engine/access/access.ts";
import { AccessWork } from "../../src/engine/access/access-work.ts";
import type { Owner } from "../../src/engine/access/principal.ts";

export const OWNER: Owner = { kind: "owner", name: "tester" };

/** Makes a user who is granted this, and resolves with a token of theirs. */
export async function user(
  access: Access,
  name: string,
  grants: readonly Grant[] = [],
  limit?: Grant[],
): Promise<string> {
  const work = new AccessWork(access);
  await work.addUser(name);
  for (const grant of grants) await work.grant(OWNER, grantTo(name, grant));
  const { token } = await work.addToken(OWNER, {
    name: `of-${name}`,
    user: name,
    ...(limit ? { limit } : {}),
  });
  return token;
}

export function grantTo(name: string, grant: Grant): KeptGrant {
  return { ...grant, to: { kind: "user", name } };
}

export const on = (path: string, may: string): Grant => ({ path, may, deny: false }) as Grant;
export const not = (path: string, may: string): Grant => ({ path, may, deny: true }) as Grant;

export type Answer = { status: number; text: string };

/** Resolves with the whole answer; of one that does not end, with its beginning. */
export function ask(
  endpoint: Endpoint,
  token: string | undefined,
  method: string,
  url: string,
  body?: unknown,
): Promise<Answer> {
  const text =
    body === undefined || method === "GET" || method === "DELETE" ? undefined : JSON.stringify(body);
  const headers = {
    host: "localhost",
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...(text === undefined ? {} : { "content-type": "application/json" }),
  };
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: endpoint.path, path: url, method, headers }, (response) => {
      const status = response.statusCode ?? 0;
      let said = "";
      const isStream = /event-stream/.test(response.headers["content-type"] ?? "");
      if (isStream) {
        resolve({ status, text: "" });
        response.destroy();
        return;
      }
      response.setEncoding("utf8").on("data", (chunk: string) => {
        said += chunk;
      });
      response.on("end", () => resolve({ status, text: said }));
    });
    asked.on("error", reject);
    asked.end(text);
  });
}

/** The status that a byte stream's opening is answered with; 101 where it is open. */
export function upgrade(endpoint: Endpoint, token: string | undefined, url: string): Promise<Answer> {
  const headers = {
    ...{ host: "localhost", connection: "Upgrade", upgrade: "websocket" },
    ...{ "sec-websocket-version": "13", "sec-websocket-key": Buffer.alloc(16, 7).toString("base64") },
    ...(token ? { authorization: `Bearer ${token}` } : {}),
  };
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: endpoint.path, path: url, headers });
    asked.on("upgrade", (_response, socket) => {
      socket.destroy();
      resolve({ status: 101, text: "" });
    });
    asked.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on("error", reject);
    asked.end();
  });
}
