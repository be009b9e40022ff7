/** What is handed to the editor to open something inside an instance, for each remote extension there is. */
import { PassThrough } from "node:stream";
import { beforeEach, expect, test, vi } from "vitest";
import type { Instance } from "../../../src/api/instance.ts";
import { REMOTE_EXTENSIONS, remoteFor, wantsNewWindow } from "../../../src/client/remote/authority.ts";
import type { Services } from "../../../src/views/services.ts";
import { container, instance } from "./fixtures.ts";

/** The editor: which extensions it has, what it was told to do, how the user answers. */
const editor = vi.hoisted(() => ({
  extensions: [] as string[],
  commands: ["berth.openShell"],
  folders: [] as { uri: { scheme: string; fsPath: string } }[],
  settings: {} as Record<string, unknown>,
  executed: [] as unknown[][],
  updated: [] as unknown[][],
  said: [] as string[],
  buttons: [] as string[],
  answer: undefined as string | undefined,
  scheme: "vscode",
  chosen: { path: "/home/ubuntu/my project", newWindow: false } as
    | { path: string; newWindow: boolean }
    | undefined,
  setup: true,
  /** Why there is no SSH server in a container. */
  ssh: undefined as Error | undefined,
  terminals: [] as string[],
  memory: {} as Record<string, unknown>,
}));

vi.mock("vscode", () => {
  class Uri {
    readonly parts: { scheme: string; authority: string; path: string };
    constructor(parts: { scheme: string; authority: string; path: string }) {
      this.parts = parts;
    }
    static from(parts: { scheme: string; authority: string; path: string }) {
      return new Uri(parts);
    }
    toString() {
      return `${this.parts.scheme}://${this.parts.authority}${encodeURI(this.parts.path)}`;
    }
  }
  return {
    Uri,
    UIKind: { Desktop: 1, Web: 2 },
    ConfigurationTarget: { Global: 1 },
    l10n: {
      t: (text: string, ...args: string[]) => text.replace(/\{(\d)\}/g, (_, at) => args[Number(at)] ?? ""),
    },
    env: {
      uiKind: 1,
      get uriScheme() {
        return editor.scheme;
      },
    },
    extensions: { getExtension: (id: string) => (editor.extensions.includes(id) ? {} : undefined) },
    commands: {
      executeCommand: async (...call: unknown[]) => void editor.executed.push(call),
      getCommands: async () => editor.commands,
    },
    window: {
      showInformationMessage: async (text: string, ...buttons: string[]) => {
        editor.said.push(text);
        editor.buttons = buttons;
        return editor.answer;
      },
    },
    workspace: {
      get workspaceFolders() {
        return editor.folders;
      },
      getConfiguration: (section: string) => ({
        get: (key: string, fallback: unknown) => editor.settings[`${section}.${key}`] ?? fallback,
        update: async (...change: unknown[]) => void editor.updated.push([section, ...change]),
      }),
    },
  };
});
vi.mock("../../../src/views/remote-setup.ts", () => ({ ensureSshSetup: async () => editor.setup }));
vi.mock("../../../src/views/guest-folder-pick.ts", () => ({ pickGuestFolder: async () => editor.chosen }));
vi.mock("../../../src/views/prompts.ts", () => ({ pickInstance: async () => undefined }));
vi.mock("../../../src/views/terminals.ts", () => ({
  openTerminal: (_services: unknown, name: string) => void editor.terminals.push(name),
}));
vi.mock("../../../src/views/progress.ts", () => ({
  withCancellableProgress: (_title: string, task: (signal: AbortSignal, report: () => void) => unknown) =>
    task(new AbortController().signal, () => {}),
}));

const { openFolder, openWindow } = await import("../../../src/views/remote.ts");

const web = instance({ id: "11111111-0000-4000-8000-000000000000", name: "Web" });

/** The engine as far as these commands need it; `calls` is what it was asked for. */
function services(one: Instance = web): { services: Services; calls: string[] } {
  const calls: string[] = [];
  const api = {
    instances: {
      get: async () => one,
      start: async ({ name }: { name: string }) => void calls.push(`start ${name}`),
    },
  };
  const tunnel = async (name: string, { port }: { port: number }) => {
    calls.push(`tunnel ${name} ${port}`);
    if (editor.ssh) throw editor.ssh;
    return { close: () => void calls.push("close") };
  };
  const exec = async () => ({ stdout: new PassThrough() });
  const client = { api, tunnel, exec, watchOperation: async () => {} };
  const model = {
    get: (id: string) => (id === one.id ? one : undefined),
    byName: (name: string) => (name === one.name ? one : undefined),
    operationOf: () => undefined,
    alive: () => [one],
  };
  const mirror = { client: async () => client };
  const log = { warn: () => {} };
  const global = {
    get: (key: string) => editor.memory[key],
    update: async (key: string, value: unknown) => {
      editor.memory[key] = value;
    },
  };
  const given = { mirror, model, log, memory: { global }, selection: () => [] };
  return { services: given as unknown as Services, calls };
}

beforeEach(() => {
  Object.assign(editor, { extensions: [], folders: [], settings: {}, executed: [], updated: [], said: [] });
  Object.assign(editor, { buttons: [], answer: undefined, scheme: "vscode", setup: true, terminals: [] });
  Object.assign(editor, { commands: ["berth.openShell"], memory: {}, ssh: undefined });
  editor.chosen = { path: "/home/ubuntu/my project", newWindow: false };
});

test.each(REMOTE_EXTENSIONS.map(({ id }) => id))("with %s, the folder's address is the same", async (id) => {
  editor.extensions = [id];
  await openFolder(services().services, ["Web"]);
  const [[command, uri, options] = []] = editor.executed;
  expect(command).toBe("vscode.openFolder");
  expect(String(uri)).toBe("vscode-remote://ssh-remote+web.berth/home/ubuntu/my%20project");
  expect(options).toEqual({ forceReuseWindow: true });
  // Only Microsoft's asks which system a host is.
  expect(editor.updated).toEqual(
    id === "ms-vscode-remote.remote-ssh"
      ? [["remote.SSH", "remotePlatform", { "web.berth": "linux" }, 1]]
      : [],
  );
});

test.each(REMOTE_EXTENSIONS.map(({ id }) => id))("with %s, a window without a folder", async (id) => {
  editor.extensions = [id];
  await openWindow(services().services, ["Web"]);
  expect(editor.executed).toEqual([
    ["vscode.newWindow", { remoteAuthority: "ssh-remote+web.berth", reuseWindow: true }],
  ]);
});

test("other hosts' platforms are kept, and what is right is not written again", async () => {
  editor.extensions = ["ms-vscode-remote.remote-ssh"];
  editor.settings = { "remote.SSH.remotePlatform": { other: "macOS" } };
  await openFolder(services().services, ["Web"]);
  expect(editor.updated).toEqual([
    ["remote.SSH", "remotePlatform", { other: "macOS", "web.berth": "linux" }, 1],
  ]);
  editor.updated = [];
  editor.settings = { "remote.SSH.remotePlatform": { "web.berth": "linux" } };
  await openFolder(services().services, ["Web"]);
  expect(editor.updated).toEqual([]);
});

test("a window that shows a folder is not taken away, unless that is wanted", async () => {
  editor.extensions = ["jeanp413.open-remote-ssh"];
  editor.folders = [{ uri: { scheme: "file", fsPath: "/p" } }];
  await openFolder(services().services, ["Web"]);
  editor.settings = { "berth.openInstanceIn": "same" };
  await openFolder(services().services, ["Web"]);
  editor.chosen = { path: "/", newWindow: true };
  await openFolder(services().services, ["Web"]);
  expect(editor.executed.map((call) => call[2])).toEqual([
    { forceNewWindow: true },
    { forceReuseWindow: true },
    { forceNewWindow: true },
  ]);
  expect(wantsNewWindow("new", false)).toBe(true);
});

test("a stopped instance is started first; nothing starts where the configuration was refused", async () => {
  editor.extensions = ["anysphere.remote-ssh"];
  const stopped = services({ ...web, state: "stopped", ssh: undefined });
  await openFolder(stopped.services, ["Web"]);
  expect(stopped.calls).toEqual(["start Web"]);
  editor.setup = false;
  const refused = services({ ...web, state: "stopped", ssh: undefined });
  editor.executed = [];
  await openFolder(refused.services, ["Web"]);
  expect([refused.calls, editor.executed]).toEqual([[], []]);
});

test("a container without an SSH server is not opened, and that is said before a folder is asked for", async () => {
  editor.extensions = ["jeanp413.open-remote-ssh"];
  const box = container({ id: web.id, name: "Web" }, { shape: "machine" });
  const with22 = services(box);
  await openFolder(with22.services, ["Web"]);
  expect(with22.calls).toEqual(["tunnel Web 22", "close"]);
  expect(editor.executed).toHaveLength(1);
  editor.ssh = new Error("its image has no SSH server");
  editor.executed = [];
  await expect(openFolder(services(box).services, ["Web"])).rejects.toBe(editor.ssh);
  expect(editor.executed).toEqual([]);
});

test("a longer wait for hosts is suggested until it is answered, and never set unasked", async () => {
  editor.extensions = ["jeanp413.open-remote-ssh"];
  await openFolder(services().services, ["Web"]);
  expect(editor.said).toEqual([]); // An editor without that setting.
  editor.settings = { "remote.SSH.connectTimeout": 15 };
  await openFolder(services().services, ["Web"]);
  expect(editor.said).toEqual([expect.stringContaining("waits 15 seconds")]);
  expect(editor.updated).toEqual([]);
  editor.answer = "Wait 120 Seconds";
  await openFolder(services().services, ["Web"]);
  await vi.waitFor(() => expect(editor.updated).toEqual([["remote.SSH", "connectTimeout", 120, 1]]));
  await vi.waitFor(() => expect(Object.values(editor.memory)).toEqual([true]));
  await openFolder(services().services, ["Web"]);
  expect(editor.said).toHaveLength(2);
  editor.settings = { "remote.SSH.connectTimeout": 60 };
  editor.memory = {};
  await openFolder(services().services, ["Web"]);
  expect(editor.said).toHaveLength(2);
});

test("without a remote extension, one is offered, or a shell, or the files where they can be browsed", async () => {
  await openFolder(services().services, ["Web"]);
  expect(editor.buttons).toEqual(["Install Remote - SSH", "Open Shell"]);
  editor.answer = "Open Shell";
  await openFolder(services().services, ["Web"]);
  expect(editor.terminals).toEqual(["Web"]);
  editor.commands = ["berth.browseFiles"];
  editor.answer = "Browse Files";
  await openFolder(services().services, ["Web"]);
  expect(editor.buttons).toContain("Browse Files");
  expect(editor.executed).toEqual([["berth.browseFiles", "Web"]]);
});

test("an extension that has just been installed opens the folder", async () => {
  editor.scheme = "cursor";
  editor.answer = "Install Remote SSH (Cursor)";
  await openFolder(services().services, ["Web"]);
  expect(editor.executed.map(([command, what]) => [command, String(what)])).toEqual([
    ["workbench.extensions.installExtension", "anysphere.remote-ssh"],
    ["vscode.openFolder", "vscode-remote://ssh-remote+web.berth/home/ubuntu/my%20project"],
  ]);
});

test.each([
  ["vscode", "ms-vscode-remote.remote-ssh"],
  ["vscode-insiders", "ms-vscode-remote.remote-ssh"],
  ["cursor", "anysphere.remote-ssh"],
  ["windsurf", "codeium.windsurf-remote-openssh"],
  ["antigravity", "google.antigravity-remote-openssh"],
  ["vscodium", "jeanp413.open-remote-ssh"],
  ["code-oss", "jeanp413.open-remote-ssh"],
])("in %s, %s is offered", (scheme, id) => expect(remoteFor(scheme).id).toBe(id));
