/**
 * Every command: its title, its icon, and where it is offered. `npm run manifest` writes the manifest's commands and
 * menus from this table, and a test holds them together: a new action is a row here and a handler in `commands.ts`.
 * Pure.
 */
import { type CommandRow, INSTANCES, on } from "./menu-row.ts";
import { BACKUP_MENUS } from "./menus-backups.ts";
import { MOVING_MENUS } from "./menus-moving.ts";

const TRASH = "!berth.trashEmpty";
const PROJECT = "berth.hasProject";

export const MENUS: Readonly<Record<string, CommandRow>> = {
  "berth.launch": { title: "Launch…", icon: "add", bars: [{ group: "navigation@1" }] },
  "berth.launchPrimary": {
    title: "Launch Primary Instance",
    icon: "rocket",
    bars: [{ group: "1_launch@1" }],
  },
  "berth.adopt": {
    ...on("Adopt Container…", "package", { flag: "adopt", group: "1_shell@1", inline: 1 }),
    ...{ palette: undefined, bars: [{ group: "1_launch@2" }] },
  },

  // Enter it.
  "berth.openShell": on("Open Shell", "terminal", { flag: "shell", group: "1_shell@1", inline: 1 }),
  "berth.attachShell": on("Attach Shell", "terminal", { flag: "attach", group: "1_shell@1", inline: 1 }),
  "berth.attachMain": on("Attach to Main Process", "debug-console", {
    ...{ flag: "attachMain", group: "1_shell@8" },
  }),
  "berth.openConsole": on("Open Serial Console", "circuit-board", { flag: "console", group: "1_shell@9" }),
  "berth.openDisplay": on("Open Graphical Console", "device-desktop", {
    ...{ flag: "display", group: "1_shell@7", inline: 1 },
  }),
  "berth.runCommand": on("Run Command…", "play-circle", { flag: "exec", group: "1_shell@2", one: true }),
  "berth.copyTo": on("Copy Files to Instance…", "cloud-upload", {
    ...{ flag: "copyTo", group: "1_shell@6", one: true },
  }),
  "berth.openFolder": on("Open Folder in Instance…", "folder-opened", {
    ...{ flag: "open", group: "1_shell@3", inline: 2, one: true },
  }),
  "berth.openWorkspace": {
    ...on("Open Workspace in Instance…", "root-folder-opened", {
      ...{ flag: "open", group: "1_shell@4", one: true },
    }),
    enablement: "isWorkspaceTrusted && workbenchState != empty",
  },
  "berth.openWindow": on("Open Window in Instance", "empty-window", {
    ...{ flag: "open", group: "1_shell@5", one: true },
  }),
  "berth.browseFiles": on("Browse Files", "folder-library", {
    ...{ flag: "browse", group: "1_shell@7", one: true },
  }),

  // Power.
  "berth.start": on("Start", "play", { flag: "start", group: "2_power@1", inline: 3 }),
  "berth.startCold": on("Start Without Its Memory", "debug-rerun", { flag: "startCold", group: "2_power@2" }),
  "berth.stop": on("Stop", "debug-stop", {
    ...{ flag: "stop", group: "2_power@3", inline: 4, alt: "berth.forceStop" },
  }),
  "berth.stopLater": on("Stop Later…", "watch", { flag: "stopLater", group: "2_power@4" }),
  "berth.cancelStop": on("Cancel Delayed Stop", "debug-disconnect", {
    ...{ flag: "cancelStop", group: "2_power@5" },
  }),
  "berth.suspend": on("Suspend", "debug-pause", { flag: "suspend", group: "2_power@6" }),
  "berth.pause": on("Pause", "debug-pause", { flag: "pause", group: "2_power@6" }),
  "berth.unpause": on("Unpause", "debug-continue", { flag: "unpause", group: "2_power@6", inline: 3 }),
  "berth.restart": on("Restart", "debug-restart", { flag: "restart", group: "2_power@7" }),
  "berth.forceStop": on("Force Stop", "circle-slash", { flag: "forceStop", group: "2_power@8" }),
  "berth.cancel": on("Cancel Operation", "close", { flag: "cancel", group: "2_power@9", inline: 6 }),
  "berth.enableZone": on("Enable Its Zone", "globe", { flag: "enableZone", group: "2_power@0", inline: 5 }),

  // Look at it.
  "berth.showDetails": on("Show Details", "info", { flag: "details", group: "3_look@0" }),
  "berth.showLog": on("Show Log", "output", { flag: "log", group: "3_look@1", one: true }),
  "berth.viewLogs": on("View Logs", "list-selection", { flag: "logs", group: "3_look@2", inline: 2 }),
  "berth.cloudInitLog": on("Show cloud-init Log", "checklist", {
    ...{ flag: "cloudInitLog", group: "3_look@2", one: true },
  }),
  "berth.copySshCommand": on("Copy SSH Command", "key", { flag: "ssh", group: "4_copy@1", one: true }),
  "berth.copyAddress": on("Copy Address", "copy", { flag: "address", group: "4_copy@2", one: true }),

  // What it shares with this host.
  "berth.mountFolder": on("Mount Folder…", "file-symlink-directory", { flag: "mount", group: "5_share@1" }),
  "berth.unmount": on("Unmount Folder…", "root-folder", { flag: "unmount", group: "5_share@2", one: true }),
  "berth.forwardPort": {
    ...{ title: "Forward Port…", icon: "add", palette: INSTANCES },
    rows: [
      { flag: "addPort", group: "5_share@3", one: true },
      { view: "ports", flag: "addPort", group: "2_forward@1", inline: 1, one: true },
    ],
    bars: [{ view: "ports", group: "navigation@1", when: INSTANCES }],
  },
  "berth.removePort": on("Stop Forwarding Port…", "debug-disconnect", {
    ...{ flag: "removePort", group: "5_share@4", one: true },
  }),

  // Snapshots.
  "berth.takeSnapshot": on("Take Snapshot…", "device-camera", { flag: "snapshot", group: "6_snapshot@1" }),
  "berth.restoreSnapshot": on("Restore Snapshot…", "history", {
    ...{ flag: "restoreSnapshot", group: "6_snapshot@2", inline: 1, one: true },
  }),
  "berth.rollBack": {
    ...{ title: "Roll Back", icon: "discard", palette: false },
    rows: [
      { flag: "rollBack", group: "6_snapshot@2", inline: 2, one: true },
      { view: "backups", flag: "rollBack", group: "1_restore@2", inline: 2, one: true },
    ],
  },
  "berth.renameSnapshot": on("Rename Snapshot…", "edit", {
    ...{ flag: "editSnapshot", group: "6_snapshot@3", one: true },
  }),
  "berth.commentSnapshot": on("Comment Snapshot…", "comment", {
    ...{ flag: "editSnapshot", group: "6_snapshot@4", one: true },
  }),
  "berth.deleteSnapshot": on("Delete Snapshot…", "trash", { flag: "deleteSnapshot", group: "6_snapshot@9" }),

  ...BACKUP_MENUS,

  // Change it.
  "berth.rename": on("Rename…", "edit", { flag: "rename", group: "7_change@1", one: true }),
  "berth.clone": on("Clone…", "files", { flag: "clone", group: "7_change@2", one: true }),
  "berth.changeSize": on("Change Size…", "dashboard", { flag: "sizes", group: "7_change@3", one: true }),
  "berth.rotateKey": on("Change Encryption Key", "key", { flag: "rotateKey", group: "7_change@8" }),
  "berth.addDisk": on("Add Disk…", "database", { flag: "addDisk", group: "7_change@6", one: true }),
  "berth.removeDisk": on("Remove Disk…", "database", { flag: "removeDisk", group: "7_change@7", one: true }),
  "berth.setAutostart": on("Start Automatically…", "rocket", { flag: "autostart", group: "7_change@4" }),
  "berth.setLabels": on("Edit Labels…", "tag", { flag: "labels", group: "7_change@5" }),

  ...MOVING_MENUS,

  // End it.
  "berth.release": on("Release Container", "export", { flag: "release", group: "9_delete@0" }),
  "berth.recover": on("Recover", "discard", { flag: "recover", group: "8_trash@1", inline: 5 }, TRASH),
  "berth.delete": on("Delete", "trash", { flag: "delete", group: "9_delete@1" }),
  "berth.purge": on("Purge", "close-all", { flag: "purge", group: "9_delete@2" }),
  "berth.emptyTrash": {
    ...on("Empty Trash", "clear-all", { flag: "emptyTrash", group: "9_delete@1", inline: 1 }, TRASH),
    bars: [{ group: "2_trash@1", when: TRASH }],
  },

  // The view itself.
  "berth.filter": {
    ...{ title: "Filter Instances…", icon: "filter", palette: INSTANCES },
    bars: [{ group: "navigation@2", when: `${INSTANCES} && !berth.filtered` }],
  },
  "berth.clearFilter": {
    ...{ title: "Clear Filter", icon: "filter-filled", palette: "berth.filtered" },
    bars: [{ group: "navigation@2", when: "berth.filtered" }],
  },
  "berth.groupBy": {
    ...{ title: "Group Instances By…", icon: "list-tree", palette: INSTANCES },
    bars: [{ group: "navigation@3", when: INSTANCES }],
  },

  // The workspace's own file.
  "berth.projectUp": {
    ...on("Up", "run-all", {
      ...{ view: "project", flag: "up", group: "1_project@1", inline: 1 },
    }),
    palette: PROJECT,
    enablement: "isWorkspaceTrusted",
    bars: [{ view: "project", group: "navigation@1", when: "isWorkspaceTrusted" }],
    editor: "resourceFilename =~ /^berth\\.ya?ml$/ && resourceScheme == file && isWorkspaceTrusted",
  },
  "berth.projectDown": {
    ...on("Down", "debug-stop", {
      ...{ view: "project", flag: "down", group: "1_project@2", inline: 2 },
    }),
    palette: PROJECT,
    enablement: "isWorkspaceTrusted",
    bars: [{ view: "project", group: "navigation@2", when: "isWorkspaceTrusted" }],
  },
  "berth.projectRefresh": {
    ...{ title: "Refresh Project", icon: "refresh", palette: PROJECT },
    bars: [{ view: "project", group: "navigation@3", when: "isWorkspaceTrusted" }],
  },
  "berth.projectOpen": {
    ...on("Open berth.yaml", "go-to-file", { view: "project", flag: "file", group: "2_look@1", one: true }),
    palette: "workbenchState != empty",
    bars: [{ view: "project", group: "navigation@4" }],
  },

  // Compose projects.
  "berth.composeUp": {
    ...on("Compose Up", "run-all", { flag: "composeUp", group: "1_compose@1", inline: 1, one: true }),
    palette: "workbenchState != empty",
    enablement: "isWorkspaceTrusted",
    explorer: "resourceFilename =~ /^(docker-)?compose(\\..+)?\\.ya?ml$/ && resourceScheme == file",
  },
  "berth.composeDown": {
    ...on("Compose Down", "debug-stop", { flag: "composeDown", group: "1_compose@2", inline: 2, one: true }),
    ...{ palette: false, enablement: "isWorkspaceTrusted" },
  },
  "berth.refreshCompose": {
    ...on("Refresh Compose Projects", "refresh", {
      ...{ flag: "refreshCompose", group: "1_compose@1", inline: 1 },
    }),
    palette: false,
  },

  // Images.
  "berth.pullImage": {
    ...on("Pull Image…", "cloud-download", { view: "images", flag: "pull", group: "1_image@1", inline: 1 }),
    ...{ palette: undefined, bars: [{ view: "images", group: "navigation@1" }] },
  },
  "berth.launchImage": {
    ...on("Launch Instance of Image…", "rocket", {
      ...{ view: "images", flag: "launch", group: "1_image@2", inline: 2, one: true },
    }),
    palette: false,
  },
  "berth.removeImage": {
    ...on("Remove Image", "trash", { view: "images", flag: "remove", group: "9_remove@1", inline: 3 }),
    palette: undefined,
  },
  "berth.buildImage": {
    ...on("Build Image…", "tools", {
      ...{ view: "images", flag: "build", group: "1_image@3", inline: 2, one: true },
    }),
    palette: "workbenchState != empty",
    enablement: "isWorkspaceTrusted",
    explorer:
      "resourceFilename =~ /^(Container|Docker)file(\\..+)?$|\\.(Container|Docker)file$/ && resourceScheme == file",
  },
  "berth.pruneImages": {
    ...on("Remove Unused Images", "clear-all", {
      view: "images",
      flag: "prune",
      group: "9_remove@2",
      one: true,
    }),
    ...{ palette: undefined },
    bars: [{ view: "images", group: "1_images@1" }],
  },
  "berth.refreshImages": {
    ...{ title: "Refresh Images", icon: "refresh" },
    bars: [{ view: "images", group: "navigation@2" }],
  },

  // Ports.
  "berth.openPort": {
    ...{ title: "Open in Browser", icon: "link-external", palette: INSTANCES },
    rows: [
      { view: "ports", flag: "openPort", group: "1_open@1", inline: 1, one: true },
      { flag: "openPort", group: "1_shell@8", one: true },
    ],
  },
  "berth.forwardDetected": on("Forward Detected Port", "plug", {
    ...{ view: "ports", flag: "forward", group: "2_forward@1", inline: 2 },
  }),
  "berth.forwardDetectedTo": on("Forward Detected Port To…", "arrow-swap", {
    ...{ view: "ports", flag: "forwardTo", group: "2_forward@2", one: true },
  }),
  "berth.copyPortAddress": on("Copy Forwarded Address", "copy", {
    ...{ view: "ports", flag: "copyPort", group: "3_copy@1", inline: 2, one: true },
  }),
  "berth.portVisibility": on("Change Port Visibility…", "eye", {
    ...{ view: "ports", flag: "visibility", group: "4_visibility@1", one: true },
  }),
  "berth.stopPort": {
    ...on("Stop Forwarding", "close", { view: "ports", flag: "stopPort", group: "9_stop@1", inline: 3 }),
    palette: false,
  },

  // Operations.
  "berth.cancelOperation": {
    ...on("Cancel", "close", { view: "operations", flag: "cancel", group: "1_operation@1", inline: 1 }),
    palette: false,
  },
  "berth.showOperation": {
    ...on("Show Details", "info", { view: "operations", flag: "details", group: "2_look@1", one: true }),
    palette: false,
  },
  "berth.copyOperationError": {
    ...on("Copy Error", "copy", { view: "operations", flag: "error", group: "2_look@2", one: true }),
    palette: false,
  },
  "berth.clearOperations": {
    ...{ title: "Clear Ended Operations", icon: "clear-all" },
    bars: [{ view: "operations", group: "navigation@1", when: "!berth.noEndedOperations" }],
  },

  "berth.getStarted": { title: "Get Started", icon: "mortar-board", bars: [{ group: "5_help@1" }] },

  // The engine.
  "berth.reconnect": { title: "Reconnect", icon: "refresh", bars: [{ group: "3_engine@1" }] },
  "berth.showEngineLog": { title: "Show Engine Log", icon: "output", bars: [{ group: "3_engine@2" }] },
  "berth.installQemu": {
    ...{ title: "Install QEMU", icon: "cloud-download" },
    bars: [{ group: "3_engine@3", when: "berth.qemuMissing" }],
  },
  "berth.unlockKeys": { title: "Unlock Encryption Key…", icon: "unlock" },
  "berth.addSshConfig": { title: "Add SSH Configuration…", icon: "key" },
  "berth.removeSshConfig": { title: "Remove SSH Configuration…", icon: "key" },
  "berth.installCli": {
    ...{ title: "Install `berth` Command in PATH", icon: "terminal-cmd" },
    bars: [{ group: "4_cli@1" }],
  },
};
