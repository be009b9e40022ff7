/** The manifest and the code must name the same commands, flags and texts. */
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { withMenus, withTitles } from "../../../scripts/manifest-menus.ts";
import { InstanceState } from "../../../src/api/instance.ts";
import { backedUpItem, backupItem, repositoryItem } from "../../../src/views/backup-items.ts";
import { COMMANDS } from "../../../src/views/commands.ts";
import { COMPOSE_CONTEXT, projectItem } from "../../../src/views/compose-items.ts";
import { runtimeItem } from "../../../src/views/container-image-items.ts";
import { foreignItem } from "../../../src/views/foreign-items.ts";
import { groupImages } from "../../../src/views/image-groups.ts";
import { availableItem, cachedItem } from "../../../src/views/image-items.ts";
import { contextValueOf } from "../../../src/views/items.ts";
import { operationItem } from "../../../src/views/operation-items.ts";
import { forwardItem, instancePortsItem, listenerItem } from "../../../src/views/ports-items.ts";
import { instanceOfProject } from "../../../src/views/project/rows.ts";
import { actionsOfSnapshot } from "../../../src/views/snapshot-tree.ts";
import { DRIVEN } from "../../support/driven-commands.ts";
import {
  backup,
  cachedImage,
  container,
  extraDisk,
  foreignContainer,
  imageEntry,
  instance,
  listener,
  operation,
  repository,
} from "./fixtures.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");
const text = readFileSync(path.join(ROOT, "package.json"), "utf8");
const manifest = JSON.parse(text);
const strings = JSON.parse(readFileSync(path.join(ROOT, "package.nls.json"), "utf8")) as Record<
  string,
  string
>;
const { contributes } = manifest;

type Entry = { command: string; when?: string; alt?: string };
const menus = Object.values(contributes.menus as Record<string, Entry[]>).flat();

test("every command of the manifest has a handler, and the other way round", () => {
  const declared = contributes.commands.map(({ command }: Entry) => command);
  expect(declared.sort()).toEqual(Object.keys(COMMANDS).sort());
});

test("menus and key bindings name commands that exist", () => {
  const named = [...menus, ...contributes.keybindings].flatMap(({ command, alt }: Entry) => [
    command,
    alt ?? command,
  ]);
  for (const command of named) expect(Object.keys(COMMANDS)).toContain(command);
});

test("every %key% of the manifest has its text, and every text is used", () => {
  const keys = [...text.matchAll(/"%([^%"]+)%"/g)].map((match) => match[1] ?? "");
  expect([...new Set(keys)].sort()).toEqual(Object.keys(strings).sort());
});

test("welcome texts link to commands that exist", () => {
  const links = Object.values(strings).flatMap((value) => [...value.matchAll(/\(command:([\w.]+)\)/g)]);
  expect(links.length).toBeGreaterThan(3);
  for (const [, command] of links) expect(Object.keys(COMMANDS)).toContain(command);
});

test("the manifest says what the table of commands says: npm run manifest", () => {
  expect(withMenus(manifest)).toEqual(manifest);
  expect(withTitles(strings)).toEqual(strings);
});

test("each row of the context menu appears on at least one row of its view", () => {
  const full = {
    mounts: [{ source: "/s", target: "s", type: "classic" as const, uids: [], gids: [] }],
    ports: [{ protocol: "tcp" as const, hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 80 }],
    disks: [{ id: randomUUID(), name: "data", sizeBytes: 1 }],
    encrypted: true,
  };
  const move = { to: "/there", id: randomUUID(), as: "web", step: "moved" as const, ran: true };
  const instances = InstanceState.options.flatMap((state) => [
    contextValueOf(instance({ state, ...full })),
    contextValueOf(instance({ state, stopAt: "2026-11-23T10:00:00.000Z", display: true })),
    contextValueOf(instance({ state, zone: { name: "zone1", available: false } })),
    contextValueOf(instance({ state }), operation()),
    contextValueOf(instance({ state, move })),
    ...[true, false].map((paused) => contextValueOf(container({ state }, { paused }))),
    ["snapshot", ...actionsOfSnapshot(instance({ state }))].join("+"),
  ]);
  const shop = { runtime: "docker" as const, name: "shop", directory: "/shop", files: [], containers: [] };
  const now = new Date();
  const error = { code: "internal" as const, message: "it broke" };
  const values: Record<string, string[]> = {
    "berth.instances": [
      ...[...instances, "trash+emptyTrash", COMPOSE_CONTEXT, projectItem(shop).contextValue],
      foreignItem(foreignContainer()).contextValue,
    ],
    "berth.ports": [
      instancePortsItem(instance(full), {}).contextValue,
      ...full.ports.map((port) => forwardItem(instance(full), port, {}).contextValue),
      listenerItem(instance(), listener()).contextValue,
    ],
    "berth.images": [
      cachedItem(cachedImage(), now).contextValue,
      runtimeItem("docker", []).contextValue,
      ...groupImages([imageEntry()]).flatMap(({ title, choices }) =>
        choices.map((choice) => availableItem(choice, title).contextValue),
      ),
    ],
    "berth.project": [instance({ state: "running" }), undefined].map(
      (one) =>
        instanceOfProject(
          "web",
          {},
          { instance: one, operation: undefined },
          { directory: "/", known: true, bridged: "" },
        ).contextValue,
    ),
    "berth.backups": [
      repositoryItem(repository(), undefined, [], undefined, now).contextValue,
      backedUpItem("main", { id: "", name: "web", backups: [] }, instance(), now).contextValue,
      ...[true, false].map(
        (isProtected) =>
          backupItem(backup({ isProtected }), instance({ disks: [extraDisk()] }), now).contextValue,
      ),
    ],
    "berth.operations": [
      operationItem(operation(), now).contextValue,
      operationItem(operation({ status: "failed", error }), now).contextValue,
    ],
  };
  let checked = 0;
  for (const { command, when = "" } of contributes.menus["view/item/context"] as Entry[]) {
    const [, view = "", pattern] = /view == ([\w.]+) && viewItem =~ \/(.+?)\/(?: |$)/.exec(when) ?? [];
    if (!pattern || !values[view]) continue;
    checked += 1;
    const shown = values[view].filter((value) => new RegExp(pattern).test(value));
    expect(shown, `${command} when ${when}`).not.toEqual([]);
  }
  expect(checked).toBeGreaterThan(30);
});

test("every command is driven by a test, which the table names", () => {
  expect(Object.keys(DRIVEN).sort()).toEqual(Object.keys(COMMANDS).sort());
  for (const [command, file] of Object.entries(DRIVEN)) {
    const source = readFileSync(path.join(ROOT, "test", file), "utf8");
    const declared = contributes.commands.find((one: Entry) => one.command === command);
    const title: string = strings[declared.title.replaceAll("%", "")] ?? declared.title;
    const named = [`"${title}"`, `"Berth: ${title}"`, `${command} `].some((text) => source.includes(text));
    expect(named, `${file} drives ${command} (${title})`).toBe(true);
  }
});

test("the walkthrough is the one that the command opens; its steps have pictures and ends that can come", () => {
  const [walkthrough] = contributes.walkthroughs;
  const source = readFileSync(path.join(ROOT, "src/views/get-started.ts"), "utf8");
  expect(source).toContain(`"${manifest.publisher}.${manifest.name}#${walkthrough.id}"`);
  const sources = readdirSync(path.join(ROOT, "src/views"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(path.join(ROOT, "src/views", file), "utf8"))
    .join("\n");
  for (const { id, media, completionEvents } of walkthrough.steps) {
    const picture = readFileSync(path.join(ROOT, media.svg), "utf8");
    expect(picture, media.svg).toMatch(/^<svg [\s\S]*var\(--vscode-[\s\S]*<\/svg>\n$/);
    expect(picture, `${media.svg} has no colour of its own`).not.toMatch(/(fill|stroke)="#|style=/);
    expect(completionEvents, id).not.toEqual([]);
    for (const event of completionEvents as string[]) {
      const [, command] = /^onCommand:(.*)$/.exec(event) ?? [];
      if (command) expect(Object.keys(COMMANDS)).toContain(command);
      for (const [key] of event.matchAll(/berth\.\w+(?= |$)/g))
        expect(key in COMMANDS || sources.includes(`"${key}"`), `${event} can come`).toBe(true);
    }
  }
});

test("icons that the manifest names are there", () => {
  for (const file of [manifest.icon, contributes.viewsContainers.activitybar[0].icon])
    expect(existsSync(path.join(ROOT, file)), file).toBe(true);
});
