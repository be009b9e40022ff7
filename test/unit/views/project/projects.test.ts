/** The files of a workspace's folders and the rows that come of them, with an editor that is told what to say. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { EngineMirror } from "../../../../src/client/mirror.ts";
import type { Model } from "../../../../src/views/model.ts";
import { instance } from "../fixtures.ts";

const editor = vi.hoisted(() => ({
  folders: [] as { name: string; uri: unknown }[],
  trusted: true,
  /** Listeners by event; `fire` calls them. */
  listeners: new Map<string, Set<() => void>>(),
  contexts: {} as Record<string, unknown>,
  on: (event: string) => (listener: () => void) => {
    const all = editor.listeners.get(event) ?? new Set();
    editor.listeners.set(event, all.add(listener));
    return { dispose: () => void all.delete(listener) };
  },
  fire: (event: string) => {
    for (const listener of editor.listeners.get(event) ?? []) listener();
  },
}));

vi.mock("vscode", () => {
  class EventEmitter {
    readonly #listeners = new Set<(value: unknown) => void>();
    readonly event = (listener: (value: unknown) => void) => {
      this.#listeners.add(listener);
      return { dispose: () => void this.#listeners.delete(listener) };
    };
    fire(value: unknown) {
      for (const listener of this.#listeners) listener(value);
    }
    dispose() {
      this.#listeners.clear();
    }
  }
  class Plain {
    readonly label: unknown;
    constructor(label?: unknown) {
      this.label = label;
    }
  }
  const uri = (fsPath: string, scheme = "file") => ({
    ...{ scheme, fsPath },
    toString: () => `${scheme}://${fsPath}`,
  });
  return {
    EventEmitter,
    RelativePattern: Plain,
    ThemeIcon: Plain,
    ThemeColor: Plain,
    TreeItem: Plain,
    Range: Plain,
    TreeItemCollapsibleState: {},
    Uri: {
      file: uri,
      joinPath: (base: { fsPath: string }, name: string) => uri(path.join(base.fsPath, name)),
    },
    l10n: { t: (text: string) => text },
    commands: {
      executeCommand: async (_command: string, key: string, value: unknown) => {
        editor.contexts[key] = value;
      },
    },
    window: {
      createTreeView: () => ({
        ...{ visible: true, message: "", description: "", dispose: () => {} },
        onDidChangeVisibility: editor.on("visibility"),
      }),
    },
    workspace: {
      get workspaceFolders() {
        return editor.folders;
      },
      get isTrusted() {
        return editor.trusted;
      },
      onDidChangeWorkspaceFolders: editor.on("folders"),
      onDidGrantWorkspaceTrust: editor.on("trust"),
      createFileSystemWatcher: () => ({
        onDidCreate: editor.on("create"),
        onDidChange: editor.on("change"),
        onDidDelete: editor.on("delete"),
        dispose: () => {},
      }),
      fs: { readFile: (file: { fsPath: string }) => readFile(file.fsPath) },
    },
  };
});

const vscode = await import("vscode");
const { Projects } = await import("../../../../src/views/project/projects.ts");
const { ProjectView } = await import("../../../../src/views/project/project-view.ts");

let home: string;
let projects: InstanceType<typeof Projects>;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), "berth-projects-"));
  for (const name of ["shop", "docs", "none"]) await mkdir(path.join(home, name));
  await writeFile(path.join(home, "shop/berth.yaml"), "instances:\n  web: {ports: ['80']}\n  db: {}\n");
  await writeFile(path.join(home, "docs/berth.yml"), "instances:\n  site: {memory: 1X}\n");
  editor.folders = ["shop", "docs", "none"].map((name) => {
    return { name, uri: vscode.Uri.file(path.join(home, name)) };
  });
  editor.trusted = true;
  projects = new Projects();
  await projects.refresh();
});
afterEach(async () => {
  projects.dispose();
  await rm(home, { recursive: true });
});

test("each folder has its own file, under either name; a remote folder has none", async () => {
  expect(projects.files.map(({ folder, directory }) => [folder, path.relative(home, directory)])).toEqual([
    ["shop", "shop"],
    ["docs", "docs"],
  ]);
  expect([...(projects.files[0]?.lines ?? [])]).toEqual([
    ["web", 1],
    ["db", 2],
  ]);
  expect(projects.files[1]?.checked).toMatchObject({ findings: [{ about: "schema" }] });
  expect(editor.contexts["berth.hasProject"]).toBe(true);
  editor.folders = [{ name: "far", uri: { scheme: "vscode-remote", fsPath: path.join(home, "shop") } }];
  editor.fire("folders");
  await expect.poll(() => projects.files).toEqual([]);
  expect(editor.contexts["berth.hasProject"]).toBe(false);
});

test("a file that changes, comes or goes is read again", async () => {
  await writeFile(path.join(home, "docs/berth.yml"), "instances: {}\n");
  editor.fire("change");
  await expect.poll(() => projects.files[1]?.checked.findings).toEqual([]);
  await writeFile(path.join(home, "none/berth.yaml"), "instances: {}\n");
  editor.fire("create");
  await expect.poll(() => projects.files.length).toBe(3);
  await rm(path.join(home, "shop/berth.yaml"));
  editor.fire("delete");
  await expect.poll(() => projects.files.map(({ folder }) => folder)).toEqual(["docs", "none"]);
});

function view(wanted: () => void = () => {}) {
  const web = instance({ name: "web", state: "running" });
  const model = {
    onDidChange: editor.on("model"),
    byName: (name: string) => (name === "web" ? web : undefined),
    operationOf: () => undefined,
  } as unknown as Model;
  const mirror = {
    ...{ connection: { state: "connected" }, instances: new Map([[web.id, web]]) },
    onDidChangeConnection: editor.on("connection"),
  } as unknown as EngineMirror;
  return new ProjectView({ mirror, model, projects, wanted });
}

test("several folders are rows with their instances, or with what is wrong, beneath them", () => {
  const tree = view();
  const [shop, docs] = tree.getChildren();
  expect([shop, docs].map((node) => node && tree.getTreeItem(node).label)).toEqual(["shop", "docs"]);
  const rows = tree.getChildren(shop).map((node) => tree.getTreeItem(node));
  expect(rows).toMatchObject([
    { label: "web", description: expect.stringMatching(/^running/), contextValue: "project+file+up+down" },
    { label: "db", description: "not launched", contextValue: "project+file+up" },
  ]);
  const [wrong] = tree.getChildren(docs).map((node) => tree.getTreeItem(node));
  expect(wrong).toMatchObject({ label: expect.stringContaining("not a valid size") });
  tree.dispose();
});

test("untrusted, the engine is not asked for, and the rows tell what the files would touch", async () => {
  editor.trusted = false;
  const wanted = vi.fn();
  const tree = view(wanted);
  editor.fire("visibility");
  const [trust, shop] = tree.getChildren();
  expect(trust).toEqual({ type: "project-trust" });
  const rows = tree.getChildren(shop).map((node) => tree.getTreeItem(node));
  expect(rows).toMatchObject([{ label: "Port 80/tcp of this computer", description: "web" }]);
  expect(rows[0]?.contextValue).not.toMatch(/\+(up|down)/);
  expect(wanted).not.toHaveBeenCalled();
  editor.trusted = true;
  editor.fire("trust");
  await expect.poll(() => wanted.mock.calls.length).toBeGreaterThan(0);
  tree.dispose();
});
