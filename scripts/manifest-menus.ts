/** The part of the manifest that follows from the table of commands in `src/views/menus.ts`. */
import { MENUS } from "../src/views/menus.ts";

type Entry = { command: string; when?: string; group?: string; alt?: string };
type Declared = { command: string; title: string; category: string; icon: string; enablement?: string };

export type Manifest = {
  contributes: { commands: Declared[]; menus: Record<string, Entry[]> } & Record<string, unknown>;
} & Record<string, unknown>;

/** With the table's commands as the table says; what others declare stays as it is, after them. */
export function withMenus(manifest: Manifest): Manifest {
  const { contributes } = manifest;
  const foreign = <T extends { command: string }>(all: readonly T[] = []) =>
    all.filter(({ command }) => !(command in MENUS));
  const menus: Record<string, Entry[]> = { ...contributes.menus };
  const made = {
    "view/title": bars(),
    "view/item/context": rows(),
    "editor/title": editors(),
    "explorer/context": explorer(),
    commandPalette: palette(),
  };
  for (const [menu, entries] of Object.entries(made))
    menus[menu] = [...entries, ...foreign(contributes.menus[menu])];
  const commands = [...declared(), ...foreign(contributes.commands)];
  return { ...manifest, contributes: { ...contributes, commands, menus } };
}

export function withTitles(texts: Record<string, string>): Record<string, string> {
  const titles = Object.entries(MENUS).map(([command, { title }]) => [keyOf(command), title]);
  return { ...texts, ...Object.fromEntries(titles) };
}

function keyOf(command: string): string {
  return command.replace(/^berth\./, "command.");
}

function declared(): Declared[] {
  return Object.entries(MENUS).map(([command, { icon, enablement }]) => ({
    command,
    title: `%${keyOf(command)}%`,
    category: "Berth",
    ...(enablement === undefined ? {} : { enablement }),
    icon: `$(${icon})`,
  }));
}

function bars(): Entry[] {
  return Object.entries(MENUS).flatMap(([command, row]) =>
    (row.bars ?? []).map(({ view = "instances", when, group }) => ({
      command,
      when: [`view == berth.${view}`, when].filter(Boolean).join(" && "),
      group,
    })),
  );
}

function rows(): Entry[] {
  return Object.entries(MENUS).flatMap(([command, row]) =>
    (row.rows ?? []).flatMap(({ view = "instances", flag, group, inline, one, alt }) => {
      const when = `view == berth.${view} && viewItem =~ /\\+${flag}(\\+|$)/`;
      const single = one ? " && !listMultiSelection" : "";
      return [
        ...(inline === undefined
          ? []
          : [{ command, when, group: `inline@${inline}`, ...(alt === undefined ? {} : { alt }) }]),
        ...(group === undefined ? [] : [{ command, when: when + single, group }]),
      ];
    }),
  );
}

function editors(): Entry[] {
  return Object.entries(MENUS).flatMap(([command, { editor }]) =>
    editor === undefined ? [] : [{ command, when: editor, group: "navigation" }],
  );
}

function explorer(): Entry[] {
  return Object.entries(MENUS).flatMap(([command, { explorer }]) =>
    explorer === undefined ? [] : [{ command, when: explorer, group: "berth@1" }],
  );
}

function palette(): Entry[] {
  return Object.entries(MENUS).flatMap(([command, row]) => {
    if (row.palette === undefined) return [];
    return [{ command, when: row.palette === false ? "false" : row.palette }];
  });
}
