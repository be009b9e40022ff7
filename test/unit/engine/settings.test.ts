import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLog } from "../../../src/engine/log.ts";
import { DEFAULT_SETTINGS, defaultsFor, EngineSettings } from "../../../src/engine/settings.ts";
import { openStore, type Store } from "../../../src/engine/store/store.ts";

let directory: string;
let store: Store;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-settings-"));
  store = await openStore(path.join(directory, "berth.db"));
});

afterEach(async () => {
  store.close();
  await rm(directory, { recursive: true });
});

test("stored comes before environment, environment before default", () => {
  const env = {
    BERTH_SETTING_IMAGES_UBUNTU_URL: "http://127.0.0.1:1/",
    BERTH_SETTING_ENGINE_IDLE_SECONDS: "7",
  };
  const settings = new EngineSettings(store, silentLog, env);
  expect(settings.get()).toEqual({
    ...DEFAULT_SETTINGS,
    "images.ubuntu-url": "http://127.0.0.1:1/",
    "engine.idle-seconds": 7,
  });
  const heard: number[] = [];
  settings.onDidChange((next) => heard.push(next["engine.idle-seconds"]));
  settings.set({ "engine.idle-seconds": 60 });
  expect(heard).toEqual([60]);
  expect(new EngineSettings(store, silentLog, env).get()).toMatchObject({
    "engine.idle-seconds": 60,
    "images.ubuntu-url": "http://127.0.0.1:1/",
  });
});

test("invalid values and keys are refused, and change nothing", () => {
  const settings = new EngineSettings(store, silentLog, {});
  const odd = (patch: Record<string, unknown>) => () => settings.set(patch);
  expect(odd({ "engine.idle-seconds": 1 })).toThrow("cannot change the settings: engine.idle-seconds");
  expect(odd({ "qemu.accelerator": "magic" })).toThrow("qemu.accelerator");
  expect(odd({ nonsense: 1 })).toThrow("nonsense");
  expect(settings.get()).toEqual(DEFAULT_SETTINGS);
  expect(() => defaultsFor({ BERTH_SETTING_ENGINE_IDLE_SECONDS: "soon" })).toThrow("engine.idle-seconds");
});
