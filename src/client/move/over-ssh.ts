/**
 * An engine of another computer, as the user's own ssh reaches that: asked where its socket is, which starts it, and joined
 * to it through a socket of ours that only this user can open. Names, keys and jumps are ssh's.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { abortable } from "../../base/async.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { type Child, run, startChild } from "../../base/run.ts";
import { connect } from "../connect.ts";
import type { EngineClient } from "../engine-client.ts";
import type { SshHost } from "./target.ts";

/** A password, or a touch of a key, may be asked for on the terminal. */
const ASK_MS = 120_000;
const READY = "berth-is-joined";
/** By a login shell, as its PATH is where a user's own programs are found. */
const WHERE = "sh -lc 'berth engine socket'";

export async function engineOverSsh(
  { destination, port }: SshHost,
  signal: AbortSignal,
): Promise<{ client: EngineClient; close: () => Promise<void> }> {
  const there = port === undefined ? [] : ["-p", String(port)];
  const theirs = await socketThere(["ssh", ...there, "--", destination, WHERE], destination, signal);
  const directory = await mkdtemp(path.join(tmpdir(), "berth-ssh-"));
  const ours = path.join(directory, "engine.sock");
  const how = ["-o", "ExitOnForwardFailure=yes", "-o", "StreamLocalBindMask=0177", "-L", `${ours}:${theirs}`];
  // It ends with its input, and so with this process, however that ends.
  const tunnel = startChild([
    "ssh",
    ...there,
    ...how,
    "--",
    destination,
    `echo ${READY}; exec cat >/dev/null`,
  ]);
  const close = async () => {
    tunnel.stdin.end();
    tunnel.kill();
    await tunnel.exited.catch(() => {});
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await abortable(joined(tunnel, destination), signal);
    const client = await connect({ socket: ours, signal });
    return {
      client,
      close: async () => {
        client.dispose();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function socketThere(argv: string[], destination: string, signal: AbortSignal): Promise<string> {
  let said: string;
  try {
    said = (await run(argv, { signal: AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]) })).stdout;
  } catch (cause) {
    signal.throwIfAborted();
    throw unreachable(destination, messageOf(cause), cause);
  }
  const socket = said.trim().split("\n").at(-1) ?? "";
  if (/^\/[^\s:]{1,200}$/.test(socket)) return socket;
  throw unreachable(destination, "it did not tell where its engine's socket is");
}

/** Resolves when ssh has logged in, and so listens at our socket. */
async function joined(tunnel: Child, destination: string): Promise<void> {
  let [said, complaint] = ["", ""];
  tunnel.stderr.on("data", (chunk: Buffer) => {
    complaint = `${complaint}${chunk}`.slice(-2000);
  });
  for await (const chunk of tunnel.stdout as AsyncIterable<Buffer>) {
    said += String(chunk);
    if (said.includes(READY)) return;
  }
  await tunnel.exited;
  throw unreachable(destination, complaint.trim().split("\n").at(-1) || "ssh has ended");
}

function unreachable(destination: string, reason: string, cause?: unknown): EngineError {
  return new EngineError("engine-unavailable", `cannot reach the engine on ${destination}: ${reason}`, {
    hint: `Berth has to be installed there: ssh ${destination} berth version`,
    cause,
  });
}
