/**
 * Tries from inside a guest what its mode promises: this host's loopback and address, at listeners that are there for the
 * test alone and say a word that nobody else knows; what is beyond this host; and instances beside it.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { segmentOf } from "../../api/network-mode.ts";
import { INTERNET, type ReachKind, type ReachProbe, type ReachReport } from "../../api/reach-test.ts";
import { withDeadline } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import type { GuestAccess } from "../guest/guest.ts";
import { PROBE_SCRIPT, probeArguments, readProbes, type Seen } from "../guest/probe-script.ts";
import { timedOutput } from "../guest/script.ts";
import { guestOf } from "./details.ts";
import { areTogether, type Entry, nameOf, reachOf } from "./entry.ts";
import type { Keeper } from "./keeper.ts";
import { promiseOf, verdictOn } from "./reach-promise.ts";

/** A guest under emulation on a busy host takes its time. */
const ANSWER_MS = 90_000;
const CONNECT_MS = 4_000;
const SSH_PORT = 22;

type Target = {
  kind: ReachKind;
  host: string;
  port: number;
  /** What is shown of it. */
  shown: string;
  /** Only this counts as an answer; left out: whatever is sent. */
  word?: string;
};

export async function testReach(
  keeper: Keeper,
  entry: Entry,
  internet = INTERNET,
  signal: AbortSignal,
): Promise<ReachReport> {
  const guest = guestOf(entry);
  if (!entry.ready && entry.record.descriptor.guest !== "linux") {
    const reason = `cannot test what ${nameOf(entry)} reaches: nothing of Berth is in its guest`;
    throw new EngineError("not-supported", reason);
  }
  const word = `berth-${randomBytes(12).toString("hex")}`;
  const listeners = await Promise.all(hostAddresses().map((address) => listen(address, word)));
  try {
    const targets = targetsOf(keeper, entry, listeners, internet, word);
    const isOnline = connects(internet, signal);
    const seen = await ask(guest, nameOf(entry), targets, signal);
    const online = await isOnline;
    const probes = targets.map((target, at) => probeOf(entry, target, seen[at], online));
    return { mode: reachOf(entry), probes: [...probes, ...untried(entry, targets)] };
  } finally {
    for (const { server } of listeners) server.close();
  }
}

type Listener = { kind: "host-loopback" | "host-address"; address: string; port: number; server: net.Server };

/** Its loopback, and the first of its addresses that others know it by. */
function hostAddresses(): string[] {
  const others = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal);
  return ["127.0.0.1", ...(others ? [others.address] : [])];
}

async function listen(address: string, word: string): Promise<Listener> {
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.end(`${word}\n`);
  });
  server.listen(0, address);
  await once(server, "listening");
  const kind = address === "127.0.0.1" ? "host-loopback" : "host-address";
  return { kind, address, port: (server.address() as AddressInfo).port, server };
}

function targetsOf(
  keeper: Keeper,
  entry: Entry,
  listeners: readonly Listener[],
  internet: string,
  word: string,
): Target[] {
  const here = listeners.map(({ kind, address, port }): Target => {
    const [host, shown] =
      kind === "host-loopback"
        ? ["gateways", `this host's 127.0.0.1, by the guest's gateways`]
        : [address, `${address}, this host`];
    return { kind, host, port, shown, word };
  });
  const [host = "", port] = internet.split(":");
  const beyond: Target = { kind: "internet", host, port: Number(port), shown: internet };
  return [...here, beyond, ...neighbours(keeper, entry)];
}

/** One that runs in its network, and one that runs in another, of whom no more is told. A refusal is an answer too. */
function neighbours(keeper: Keeper, entry: Entry): Target[] {
  const { kind } = entry.record.descriptor;
  const others = keeper
    .entries()
    .filter((one) => one !== entry && one.running && one.record.descriptor.kind === kind && addressOf(one));
  const [mate, stranger] = [
    others.find((one) => areTogether(entry, one)),
    others.find((one) => !areTogether(entry, one)),
  ];
  const at = (one: Entry) => ({ host: addressOf(one), port: SSH_PORT });
  return [
    ...(mate ? [{ kind: "same-network" as const, ...at(mate), shown: nameOf(mate) }] : []),
    ...(stranger ? [{ kind: "other-network" as const, ...at(stranger), shown: "an instance there" }] : []),
  ];
}

function addressOf({ running, record }: Entry): string {
  return running?.address ?? record.descriptor.address;
}

async function ask(
  guest: GuestAccess,
  name: string,
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<(Seen | undefined)[]> {
  const script = `set -- ${probeArguments(targets)}\n${PROBE_SCRIPT}`;
  return readProbes(await timedOutput(guest, signal, script, { ms: ANSWER_MS, name }), targets);
}

/** Whether this host itself is answered there. */
async function connects(target: string, parent: AbortSignal): Promise<boolean> {
  const [host = "", port] = target.split(":");
  const { signal, done } = withDeadline(CONNECT_MS, parent);
  const socket = net.connect({ host, port: Number(port), signal });
  try {
    await once(socket, "connect", { signal });
    return true;
  } catch {
    return false;
  } finally {
    done();
    socket.destroy();
  }
}

function probeOf(entry: Entry, target: Target, seen: Seen | undefined, online: boolean): ReachProbe {
  const { kind, shown } = target;
  const promised = promiseOf(reachOf(entry), kind, runsOf(entry));
  const found = foundOf(target, seen, promised === "reached" && !online);
  const verdict = verdictOn(promised, found);
  const text = wordsOn(kind, found, verdict, seen);
  return { kind, target: shown, promised, found, verdict, ...(text === undefined ? {} : { text }) };
}

function foundOf({ kind, word }: Target, seen: Seen | undefined, isOffline: boolean): ReachProbe["found"] {
  if (!seen) return "unknown";
  const answered = word === undefined ? seen.how !== "nothing" : seen.how === "said" && seen.word === word;
  if (answered) return "reached";
  return kind === "internet" && isOffline ? "unknown" : "not-reached";
}

function wordsOn(
  kind: ReachKind,
  found: ReachProbe["found"],
  verdict: ReachProbe["verdict"],
  seen: Seen | undefined,
): string | undefined {
  if (!seen) return "the guest has nothing to try it with: bash, python3 or nc";
  if (found === "unknown") return "this host is not answered there either";
  if (verdict !== "warning") return undefined;
  return kind === "host-loopback"
    ? "services that listen on this host's loopback can be reached from the guest"
    : "services that listen on all addresses of this host can be reached from the guest";
}

/** What could not be tried, for nobody who runs could be asked. */
function untried(entry: Entry, targets: readonly Target[]): ReachProbe[] {
  const mode = reachOf(entry);
  const kinds = (["same-network", "other-network"] as const).filter(
    (kind) => kind === "other-network" || segmentOf(mode) !== undefined,
  );
  return kinds
    .filter((kind) => !targets.some((target) => target.kind === kind))
    .map((kind) => ({
      ...{ kind, target: "", promised: promiseOf(mode, kind, runsOf(entry)) },
      ...{ found: "unknown", verdict: "unknown", text: "no such instance runs" },
    }));
}

function runsOf({ record, running }: Entry) {
  const isContainer = record.descriptor.container !== undefined;
  return { isContainer, keepsLoopback: running?.keepsLoopback ?? isContainer };
}
