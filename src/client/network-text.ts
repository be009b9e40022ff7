/** `br0`, `bridged`, `name=br0,mode=manual,mac=52:54:00:4b:ab:cd`: a NIC as `--network` and `berth.yaml` say it. Pure. */
import type { NewHostNic, NicMode } from "../api/network.ts";
import { NetworkMode } from "../api/network-mode.ts";
import { EngineError } from "../base/errors.ts";

const MODES: readonly NicMode[] = ["auto", "manual"];

/** As the API takes it: what is left out has its default there. */
export type WrittenNic = Pick<NewHostNic, "network"> & Partial<NewHostNic>;

/** Throws `invalid-argument`. */
export function parseNetwork(text: string): WrittenNic {
  if (!text.includes("=") && !text.includes(",") && text !== "") return { network: text };
  const fields = new Map(text.split(",").map(fieldOf));
  for (const key of fields.keys()) {
    if (!["name", "mode", "mac"].includes(key)) throw bad(`Bad network field: ${key}`);
  }
  const [network, mode, mac] = [fields.get("name"), fields.get("mode"), fields.get("mac")];
  if (!network) throw bad("Bad network definition, need at least a 'name' field");
  return {
    network,
    ...(mode === undefined ? {} : { mode: modeOf(mode) }),
    ...(mac === undefined ? {} : { mac }),
  };
}

/** The words that mean what a guest reaches, and those that name a network. Throws `invalid-argument`. Pure. */
export function sortedNetworks(texts: readonly string[]): { modes: NetworkMode[]; others: string[] } {
  const isMode = (text: string) => text.startsWith("private:") || NetworkMode.safeParse(text).success;
  return { modes: texts.filter(isMode).map(parseMode), others: texts.filter((text) => !isMode(text)) };
}

/** Throws `invalid-argument`. */
export function parseMode(text: string): NetworkMode {
  const mode = NetworkMode.safeParse(text);
  if (mode.success) return mode.data;
  throw new EngineError("invalid-argument", `${text} is not what a guest can reach`, {
    hint: "Write default, nat, isolated, or private:NAME. berth network list tells the names.",
  });
}

function fieldOf(field: string): [key: string, value: string] {
  const at = field.indexOf("=");
  if (at < 1) throw bad(`Bad network field definition: ${field}`);
  return [field.slice(0, at).trim().toLowerCase(), field.slice(at + 1).trim()];
}

function modeOf(text: string): NicMode {
  const mode = MODES.find((one) => one === text.toLowerCase());
  if (mode) return mode;
  throw bad(`Bad network mode '${text}', need 'auto' or 'manual'`);
}

function bad(reason: string): EngineError {
  return new EngineError("invalid-argument", reason, {
    hint: "Write NAME, or name=NAME,mode=auto|manual,mac=ADDRESS. berth networks lists names.",
  });
}
