/**
 * The MCP server as a program: it speaks on standard input and output until its client closes them. `berth mcp` loads it
 * into its own process; an editor runs it by itself.
 */
import path from "node:path";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import manifest from "../../package.json" with { type: "json" };
import { sandboxesIn } from "../agent/sandbox/record.ts";
import { deferred } from "../base/async.ts";
import { currentPaths, hostPlatform } from "../base/paths.ts";
import { connect } from "../client/connect.ts";
import { EngineMirror } from "../client/mirror.ts";
import { createServer } from "./server.ts";

const INSTANCE = "BERTH_MCP_INSTANCE";

async function serve(): Promise<void> {
  const engineBundle = path.join(__dirname, "engine.js");
  const mirror = new EngineMirror({ connect: (signal) => connect({ engineBundle, signal }) });
  const ended = deferred<void>();
  const server = createServer({
    ...{ version: manifest.version, mirror, instance: process.env[INSTANCE] || undefined },
    sandboxes: sandboxesIn(currentPaths()),
    platform: hostPlatform(),
  });
  process.stdin.once("end", () => ended.resolve());
  process.stdin.once("close", () => ended.resolve());
  process.stdout.on("error", () => ended.resolve());
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => ended.resolve());
  await server.connect(new StdioServerTransport());
  await ended.promise;
  await server.close();
  mirror.dispose();
}

/** Resolves when the client has gone. */
export const ended = serve();
