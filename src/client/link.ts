/**
 * How a call of the contract becomes an HTTP request and its answer a value. oRPC has such a link, too, but it makes
 * Node load its whole `fetch`, which doubles the time that a short command takes. For the same reason the routes are
 * read from `routes.json`, which `npm run openapi` writes from the contract, and not from its schemas.
 */
import type { ClientLink } from "@orpc/client";
import { toEngineError } from "../base/errors.ts";
import { type HttpRequest, send } from "./http.ts";
import routes from "./routes.json" with { type: "json" };
import type { Address } from "./wire.ts";

/** Calls end, at the latest, when `lifetime` aborts. Whatever fails is an EngineError. */
export function createLink(address: () => Address, lifetime: AbortSignal): ClientLink<Record<never, never>> {
  return {
    call: async (path, input, options) => {
      const signal = options.signal ? AbortSignal.any([options.signal, lifetime]) : lifetime;
      try {
        return await send(address(), encodeCall(path, input), signal);
      } catch (error) {
        throw signal.aborted ? toEngineError(signal.reason) : toEngineError(error, `call ${path.join(".")}`);
      }
    },
  };
}

/** `{name}` in the route's path takes that property; what is left is the query of a GET, else the JSON body. */
export function encodeCall(path: readonly string[], input: unknown): HttpRequest {
  const { method, path: route } = routeOf(path);
  const rest = new Map(Object.entries(input ?? {}).filter(([, value]) => value !== undefined));
  const pathname = route.replaceAll(/\{([^}]+)\}/g, (_, name: string) => {
    const value = rest.get(name);
    rest.delete(name);
    return encodeURIComponent(String(value));
  });
  if (method === "GET") {
    const query = new URLSearchParams();
    for (const [key, value] of rest) query.append(key, String(value));
    return { method, path: query.size > 0 ? `${pathname}?${query}` : pathname };
  }
  return { method, path: pathname, ...(rest.size > 0 ? { body: Object.fromEntries(rest) } : {}) };
}

function routeOf(path: readonly string[]): { method: string; path: string } {
  const [method, route] = (routes as Record<string, string[]>)[path.join(".")] ?? [];
  if (method === undefined || route === undefined)
    throw new TypeError(`the contract has no procedure ${path.join(".")}`);
  return { method, path: route };
}
