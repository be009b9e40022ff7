/** What begins to listen in a guest: told, forwarded, or neither, as the settings say. */
import { beforeEach, expect, test, vi } from "vitest";
import type { Instance } from "../../../src/api/instance.ts";
import type { NewPortForward } from "../../../src/api/port.ts";
import { EngineError } from "../../../src/base/errors.ts";
import { Emitter } from "../../../src/base/event.ts";
import type { News } from "../../../src/views/guest-listeners.ts";
import { portNews } from "../../../src/views/port-news.ts";
import { instance, listener } from "./fixtures.ts";

const editor = vi.hoisted(() => ({
  settings: {} as Record<string, boolean>,
  settingsChanged: [] as ((event: { affectsConfiguration(section: string): boolean }) => void)[],
  /** What the user answers. */
  chosen: undefined as string | undefined,
  told: [] as string[][],
  run: [] as unknown[][],
}));

vi.mock("vscode", () => ({
  l10n: {
    t: (text: string, ...values: unknown[]) => text.replace(/\{(\d)\}/g, (_, at) => String(values[at])),
  },
  workspace: {
    getConfiguration: (section: string) => ({
      get: (name: string, fallback: boolean) => editor.settings[`${section}.${name}`] ?? fallback,
    }),
    onDidChangeConfiguration: (listen: (typeof editor.settingsChanged)[number]) => {
      editor.settingsChanged.push(listen);
      return { dispose: () => editor.settingsChanged.splice(0) };
    },
  },
  window: {
    showInformationMessage: async (...words: string[]) => {
      editor.told.push(words);
      return editor.chosen;
    },
  },
  commands: { executeCommand: async (...words: unknown[]) => editor.run.push(words) },
}));

beforeEach(() => {
  Object.assign(editor, { settings: {}, chosen: undefined, told: [], run: [] });
  editor.settingsChanged.splice(0);
});

/** An engine where ports may be taken, and that knows more of the instance than this window has heard. */
function world(web: Instance, taken: readonly number[] = [], later = web) {
  const appeared = new Emitter<News>();
  const wants: boolean[] = [];
  const added: Partial<NewPortForward>[] = [];
  const add = async (wanted: Partial<NewPortForward> & { name: string }) => {
    if (taken.includes(wanted.hostPort ?? 0)) throw new EngineError("already-exists", "it is taken");
    added.push(wanted);
    return {};
  };
  const api = { ports: { add }, instances: { get: async () => later } };
  const client = { api, watchOperation: async () => ({}) };
  const warnings: string[] = [];
  const news = portNews({
    listeners: { want: (_who: string, wanted: boolean) => wants.push(wanted), onDidAppear: appeared.event },
    mirror: { client: async () => client },
    model: { get: () => web },
    log: { warn: (text: string) => warnings.push(text) },
  } as never);
  const appear = (...listeners: News["listeners"]) => appeared.fire({ instance: web.id, listeners });
  return { news, appear, wants, added, warnings };
}

function set(settings: Record<string, boolean>): void {
  editor.settings = settings;
  for (const listen of editor.settingsChanged)
    listen({ affectsConfiguration: (one) => one === "berth.ports" });
}

test("nothing is watched, told or forwarded where no setting says so", async () => {
  const { appear, wants, added, news } = world(instance());
  appear(listener());
  expect([wants, editor.told, added]).toEqual([[false], [], []]);
  set({ "berth.ports.notify": true });
  set({ "berth.ports.autoForward": true });
  set({});
  expect(wants).toEqual([false, true, true, false]);
  news.dispose();
  expect(editor.settingsChanged).toEqual([]);
});

test("it is told, and what the user chooses is done", async () => {
  set({ "berth.ports.notify": true });
  const web = instance({ name: "web" });
  const { appear, added } = world(web);
  editor.chosen = "Open in Browser";
  appear(listener());
  await expect.poll(() => editor.run).toHaveLength(1);
  editor.chosen = "Forward";
  appear({ protocol: "udp", port: 53, address: "::", via: "network" });
  await expect.poll(() => editor.run).toHaveLength(2);
  expect(editor.told).toEqual([
    ["python3 listens on port 8080 of web.", "Open in Browser", "Forward"],
    ["Port 53 of web is listened on.", "Forward"],
  ]);
  const node = { type: "listener", instance: web.id, via: "network" };
  expect(editor.run).toEqual([
    ["berth.openPort", { ...node, protocol: "tcp", port: 8080 }],
    ["berth.forwardDetected", { ...node, protocol: "udp", port: 53 }],
  ]);
  expect(added).toEqual([]);
});

test("it is forwarded to the same port where that is free, else to another, and once", async () => {
  set({ "berth.ports.autoForward": true });
  const free = world(instance({ name: "web" }));
  free.appear(listener(), listener({ port: 3000, via: "ssh" }), listener({ port: 53, protocol: "udp" }));
  await expect
    .poll(() => free.added)
    .toEqual([
      { name: "web", guestPort: 8080, hostPort: 8080 },
      { name: "web", guestPort: 3000, hostPort: 3000, via: "ssh" },
    ]);
  const busy = world(instance({ name: "web" }), [8080]);
  busy.appear(listener());
  await expect.poll(() => busy.added).toEqual([{ name: "web", guestPort: 8080 }]);
  const forward = { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 8080 } as const;
  const already = world(instance({ name: "web", ports: [forward] }));
  already.appear(listener());
  expect([already.added, editor.told]).toEqual([[], []]);
});

test("where another window was quicker, that is enough; where no port can be had, the log says so", async () => {
  set({ "berth.ports.autoForward": true });
  const web = instance({ name: "web" });
  const forward = { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 8080 } as const;
  const late = world(web, [8080], { ...web, ports: [forward] });
  late.appear(listener());
  const none = world(web, [8080, 0]);
  none.appear(listener());
  await expect.poll(() => none.warnings).toEqual(["port 8080 of web: it is taken"]);
  expect([late.added, late.warnings, none.added]).toEqual([[], [], []]);
});
