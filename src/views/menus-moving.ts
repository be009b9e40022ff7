/** The part of the table of commands that is about instances as files, and about other engines. Pure. */
import { type CommandRow, on } from "./menu-row.ts";

export const MOVING_MENUS: Readonly<Record<string, CommandRow>> = {
  "berth.export": on("Export…", "save-as", { flag: "export", group: "8_move@1", one: true }),
  "berth.import": { title: "Import…", icon: "folder-opened", bars: [{ group: "1_launch@3" }] },
  "berth.copyAway": on("Copy to Another Engine…", "copy", { flag: "moveAway", group: "8_move@2", one: true }),
  "berth.moveAway": on("Move to Another Engine…", "export", {
    ...{ flag: "moveAway", group: "8_move@3", one: true },
  }),
  "berth.confirmMove": on("Confirm Move", "check", {
    ...{ flag: "settleMove", group: "8_move@4", inline: 1, one: true },
  }),
  "berth.undoMove": on("Take Move Back", "discard", {
    ...{ flag: "settleMove", group: "8_move@5", inline: 2, one: true },
  }),
};
