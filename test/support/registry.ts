/**
 * A real registry, and a proxy before it in which a test makes the faults that registries have. What passes is noted,
 * so that a test sees what was fetched again and what was not.
 */
import type { ChildProcess } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { freePort } from "./free-port.ts";
import { answering, end, spawnLogged } from "./runtimes.ts";

/** What a private registry lets in. */
export const LOGIN = { username: "skipper", password: "harbour" };
/** Of that password, by bcrypt. */
const HASH = "$2b$04$DX/uHGSm.SmQiOUCCqMQzuG5FF3PzxClIaYPvrSLJ2uUxY35wO9/i";

export type RegistryFault =
  /** Answers this in the registry's place. */
  | { kind: "answer"; status: number; body?: string; type?: string }
  /** Breaks the connection after this many bytes of the body, having promised all. */
  | { kind: "drop"; at: number }
  /** Sends this many bytes, then nothing more. */
  | { kind: "stall"; at: number }
  /** Changes the first byte. */
  | { kind: "corrupt" };

export type Passed = { method: string; url: string; range: string | undefined; status: number };

export type TestRegistry = {
  /** What references to it begin with. */
  host: string;
  passed: Passed[];
  /** The next requests whose path matches get this fault; every one where no number is given. */
  fault(match: RegExp, fault: RegistryFault, times?: number): void;
  /** No more faults. */
  heal(): void;
  stop(): Promise<void>;
};

export async function startRegistry(
  directory: string,
  options: { login?: boolean } = {},
): Promise<TestRegistry> {
  await mkdir(directory, { recursive: true });
  const port = await freePort();
  const config = path.join(directory, "config.yml");
  await writeFile(config, configuration(directory, port, options.login ?? false));
  if (options.login) await writeFile(path.join(directory, "htpasswd"), `${LOGIN.username}:${HASH}\n`);
  const log = path.join(directory, "registry.log");
  const child = spawnLogged(["docker-registry", "serve", config], log);
  await answering("the registry", child, log, () => fetch(`http://127.0.0.1:${port}/v2/`));
  return proxyBefore(port, child);
}

function configuration(directory: string, port: number, login: boolean): string {
  const auth = `auth:\n  htpasswd:\n    realm: test\n    path: ${path.join(directory, "htpasswd")}\n`;
  return `version: 0.1
log:
  level: warn
storage:
  filesystem:
    rootdirectory: ${path.join(directory, "data")}
  delete:
    enabled: true
http:
  addr: 127.0.0.1:${port}
  relativeurls: true
${login ? auth : ""}`;
}

async function proxyBefore(port: number, child: ChildProcess): Promise<TestRegistry> {
  const passed: Passed[] = [];
  let faults: { match: RegExp; fault: RegistryFault; left: number }[] = [];
  const faultFor = (url: string) => {
    const found = faults.find(({ match, left }) => left > 0 && match.test(url));
    if (found) found.left -= 1;
    return found?.fault;
  };
  const server = createServer((incoming, outgoing) => {
    const { method = "", url = "" } = incoming;
    const fault = faultFor(url);
    const note = (status: number) => passed.push({ method, url, range: incoming.headers.range, status });
    if (fault?.kind === "answer") {
      note(fault.status);
      incoming.resume();
      const headers = { "content-type": fault.type ?? "application/json", "retry-after": "0" };
      outgoing.writeHead(fault.status, headers).end(fault.body ?? "{}");
      return;
    }
    forward(port, incoming, outgoing, fault, note);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed,
    fault: (match, fault, times = Number.POSITIVE_INFINITY) => faults.push({ match, fault, left: times }),
    heal: () => {
      faults = [];
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await end(child);
    },
  };
}

function forward(
  port: number,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  fault: RegistryFault | undefined,
  note: (status: number) => void,
): void {
  const { method = "", url = "", headers } = incoming;
  const upstream = request({ host: "127.0.0.1", port, method, path: url, headers, agent: false });
  upstream.once("error", () => outgoing.destroy());
  outgoing.once("close", () => upstream.destroy());
  upstream.once("response", (answer) => {
    note(answer.statusCode ?? 0);
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    if (fault) void spoil(answer, outgoing, fault).catch(() => outgoing.destroy());
    else answer.pipe(outgoing);
  });
  incoming.pipe(upstream);
}

async function spoil(answer: IncomingMessage, outgoing: ServerResponse, fault: RegistryFault): Promise<void> {
  let sent = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    if (fault.kind === "corrupt") {
      const changed = Buffer.from(chunk);
      if (sent === 0) changed[0] = (changed[0] ?? 0) ^ 0xff;
      outgoing.write(changed);
      sent += chunk.length;
      continue;
    }
    if (fault.kind === "answer") return;
    const part = chunk.subarray(0, Math.max(0, fault.at - sent));
    sent += part.length;
    if (part.length > 0) await new Promise((resolve) => outgoing.write(part, resolve));
    if (sent < fault.at) continue;
    if (fault.kind === "drop") outgoing.destroy();
    return;
  }
  outgoing.end();
}
