/** The manifest and the code must name the same commands, flags and texts. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { InstanceState } from "../../../src/api/instance.ts";
import { COMMANDS } from "../../../src/views/commands.ts";
import { contextValueOf } from "../../../src/views/items.ts";
import { instance, operation } from "./fixtures.ts";

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

test("each row of the context menu appears in at least one state", () => {
  const values = InstanceState.options.flatMap((state) => [
    contextValueOf(instance({ state })),
    contextValueOf(instance({ state }), operation()),
  ]);
  for (const { command, when = "" } of contributes.menus["view/item/context"] as Entry[]) {
    const pattern = /viewItem =~ \/(.+?)\/(?: |$)/.exec(when)?.[1];
    if (!pattern) continue;
    const shown = values.filter((value) => new RegExp(pattern).test(value));
    expect(shown, `${command} when ${when}`).not.toEqual([]);
  }
});

test("icons that the manifest names are there", () => {
  for (const file of [manifest.icon, contributes.viewsContainers.activitybar[0].icon])
    expect(existsSync(path.join(ROOT, file)), file).toBe(true);
});
