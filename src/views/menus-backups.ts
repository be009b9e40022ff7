/** The part of the table of commands that is about backups and the places where they lie. Pure. */

import { type CommandRow, INSTANCES, type Place } from "./menu-row.ts";

export const BACKUP_MENUS: Readonly<Record<string, CommandRow>> = {
  "berth.backUp": {
    ...{ title: "Back Up", icon: "archive", palette: INSTANCES },
    rows: [
      { flag: "backUp", group: "6_snapshot@5" },
      { view: "backups", flag: "backUp", group: "1_backup@1", inline: 1 },
    ],
  },
  "berth.restoreBackup": {
    ...{ title: "New Instance of Backup…", icon: "vm" },
    rows: [
      { flag: "backUp", group: "6_snapshot@6", one: true },
      { view: "backups", flag: "restoreBackup", group: "1_restore@1", inline: 1, one: true },
    ],
  },
  "berth.browseBackup": {
    ...{ title: "Files of Backup…", icon: "folder-library" },
    rows: [
      { flag: "backUp", group: "6_snapshot@7", one: true },
      { view: "backups", flag: "restoreBackup", group: "1_restore@4", inline: 3, one: true },
    ],
  },
  "berth.planBackups": {
    ...{ title: "Schedule Backups…", icon: "calendar", palette: INSTANCES },
    rows: [
      { flag: "backUp", group: "6_snapshot@8" },
      { view: "backups", flag: "plan", group: "1_backup@2", inline: 2 },
    ],
  },
  "berth.verifyBackup": inBackups("Verify Backup", "pass", { flag: "verify", group: "2_look@1" }),
  "berth.drillBackup": inBackups("Prove Backup by Booting It", "beaker", {
    ...{ flag: "drill", group: "2_look@2", one: true },
  }),
  "berth.restoreDisk": {
    ...inBackups("Roll Back One Disk…", "save-as", { flag: "restoreDisk", group: "1_restore@3", one: true }),
    palette: false,
  },
  "berth.protectBackup": {
    ...inBackups("Protect Backup", "shield", { flag: "protect", group: "3_keep@1" }),
    palette: false,
  },
  "berth.unprotectBackup": {
    ...inBackups("Take Protection from Backup", "shield", { flag: "unprotect", group: "3_keep@1" }),
    palette: false,
  },
  "berth.deleteBackup": inBackups("Delete Backup…", "trash", { flag: "deleteBackup", group: "9_delete@1" }),
  "berth.addRepository": {
    ...{ title: "Add Backup Repository…", icon: "add" },
    bars: [{ view: "backups", group: "navigation@1" }],
  },
  "berth.checkRepository": inBackups("Check Repository…", "checklist", {
    ...{ flag: "look", group: "2_look@1", one: true },
  }),
  "berth.pruneRepository": inBackups("Prune Repository", "clear-all", {
    ...{ flag: "look", group: "2_look@2", one: true },
  }),
  "berth.showRecoveryKit": inBackups("Show Recovery Kit", "key", {
    ...{ flag: "keep", group: "3_keep@1", one: true },
  }),
  "berth.changeRepositoryPassword": inBackups("Change Repository Password…", "lock", {
    ...{ flag: "keep", group: "3_keep@2", one: true },
  }),
  "berth.removeRepository": inBackups("Forget Repository…", "close", {
    ...{ flag: "look", group: "9_delete@1", one: true },
  }),
  "berth.refreshBackups": {
    ...{ title: "Refresh Backups", icon: "refresh" },
    bars: [{ view: "backups", group: "navigation@2" }],
  },
};

/** On rows of *Backups*; the palette asks for one. */
function inBackups(title: string, icon: string, place: Place): CommandRow {
  return { title, icon, rows: [{ ...place, view: "backups" }] };
}
