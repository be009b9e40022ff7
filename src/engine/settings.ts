/**
 * What a user may change while the engine runs. A value set by the user is kept in the store; without one, the
 * environment variable `BERTH_SETTING_<KEY>` counts (`images.ubuntu-url` → `BERTH_SETTING_IMAGES_UBUNTU_URL`), and
 * without that the default.
 */
import * as z from "zod";
import { Settings } from "../api/engine-info.ts";
import { EngineError } from "../base/errors.ts";
import { Emitter } from "../base/event.ts";
import { flagFrom } from "../base/flags.ts";
import { hostPlatform } from "../base/paths.ts";
import type { Log } from "./log.ts";
import type { Store } from "./store/store.ts";

export const DEFAULT_SETTINGS: Settings = {
  "images.ubuntu-url": "https://cloud-images.ubuntu.com/",
  "images.manifest-url": "",
  "instances.encrypted": false,
  "snapshots.before-risky": true,
  "engine.idle-seconds": 120,
  "engine.log-level": "info",
  "qemu.accelerator": "auto",
  "qemu.native-mounts": "auto",
  "containers.runtime": "auto",
  "containers.vm-image": "",
  "containers.vm-cpus": 2,
  "containers.vm-memory": "2G",
  "containers.vm-disk": "20G",
  "backups.rate": "",
  "backups.cpu-percent": 100,
  "backups.files-image": "",
  "local.driver": "qemu",
  // Where Multipass's are not allowed unless asked for, ours are not either.
  "local.privileged-mounts": hostPlatform() !== "win32",
  "local.bridged-network": "",
  "local.image.mirror": "",
};

type Key = keyof Settings;
const KEYS = Object.keys(DEFAULT_SETTINGS) as Key[];

/** The environment variable that changes a key's default. */
export function settingVariable(key: Key): string {
  return `BERTH_SETTING_${key.toUpperCase().replaceAll(/[.-]/g, "_")}`;
}

/** The defaults as the environment changes them. Throws `invalid-argument` for a value that its key cannot have. */
export function defaultsFor(env: Readonly<Record<string, string | undefined>>): Settings {
  const fromEnvironment = KEYS.flatMap((key) => {
    const text = env[settingVariable(key)];
    if (text === undefined) return [];
    return [[key, valueFrom(text, DEFAULT_SETTINGS[key])] as const];
  });
  return check({ ...DEFAULT_SETTINGS, ...Object.fromEntries(fromEnvironment) }, "read the environment");
}

/** A value of the same kind as `like`, as a text says it; what says none stays text, and is refused later. */
function valueFrom(text: string, like: Settings[Key]): unknown {
  if (typeof like === "number") return Number(text);
  return typeof like === "boolean" ? (flagFrom(text) ?? text) : text;
}

export class EngineSettings {
  readonly #store: Store;
  readonly #changed = new Emitter<Settings>();
  #current: Settings;

  readonly onDidChange = this.#changed.event;

  constructor(store: Store, log: Log, env: Readonly<Record<string, string | undefined>> = process.env) {
    this.#store = store;
    const settings: Record<string, unknown> = { ...defaultsFor(env) };
    for (const key of KEYS) {
      const stored = store.readSetting(key);
      if (stored === undefined) continue;
      if (Settings.shape[key].safeParse(stored).success) settings[key] = stored;
      else log.warn("a stored setting is invalid; its default is used", { key });
    }
    this.#current = check(settings, "read the settings");
  }

  get(): Settings {
    return this.#current;
  }

  set(patch: Partial<Settings>): Settings {
    const wanted = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
    const next = check({ ...this.#current, ...wanted }, "change the settings");
    this.#store.writeSettings(wanted);
    this.#current = next;
    this.#changed.fire(next);
    return next;
  }
}

function check(settings: unknown, doing: string): Settings {
  const parsed = Settings.safeParse(settings);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue?.path.join(".") || (issue?.code === "unrecognized_keys" ? issue.keys.join(", ") : "");
  throw new EngineError(
    "invalid-argument",
    `cannot ${doing}: ${where}: ${issue?.message ?? "invalid value"}`,
    {
      hint: `Known settings: ${KEYS.join(", ")}.`,
      details: { issues: z.treeifyError(parsed.error) },
    },
  );
}
