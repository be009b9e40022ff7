/**
 * Every command of the manifest and what it does. Handlers live in modules that are loaded when first needed, so
 * that activation loads none of them. A test compares this table with the manifest.
 */
import { toDisposable } from "../base/disposable.ts";
import type { Services } from "./services.ts";

/** The arguments are what vscode passes: from a row `(node, selection)`, from the palette nothing. */
export type Handler = (services: Services, ...args: unknown[]) => Promise<void>;

const actions = () => import("./actions.ts");
const arrange = () => import("./arrange.ts");
const backups = () => import("./backups.ts");
const repositories = () => import("./repositories.ts");
const changes = () => import("./changes.ts");
const compose = () => import("./compose-actions.ts");
const images = () => import("./image-actions.ts");
const launch = () => import("./launch.ts");
const remote = () => import("./remote.ts");
const remoteSetup = () => import("./remote-setup.ts");
const project = () => import("./project/commands.ts");
const operations = () => import("./operation-actions.ts");
const ports = () => import("./port-actions.ts");
const foreign = () => import("./foreign-actions.ts");
const power = () => import("./power.ts");
const moving = () => import("./moving.ts");
const portable = () => import("./portable.ts");
const sharing = () => import("./sharing.ts");
const snapshots = () => import("./snapshots.ts");
const sandbox = () => import("./sandbox.ts");
const tools = () => import("./tools.ts");

export const COMMANDS = {
  "berth.launch": async (services) => (await launch()).launchWithWizard(services),
  "berth.launchPrimary": async (services) => (await launch()).launchPrimary(services),
  "berth.openShell": async (services, ...args) => (await actions()).openShell(services, args),
  "berth.attachShell": async (services, ...args) => (await actions()).attachShell(services, args),
  "berth.attachMain": async (services, ...args) => (await actions()).attachMain(services, args),
  "berth.openDisplay": async (services, ...args) =>
    (await import("./display/command.ts")).openDisplay(services, args),
  "berth.openConsole": async (services, ...args) => (await actions()).openConsole(services, args),
  "berth.runCommand": async (services, ...args) => (await actions()).runCommand(services, args),
  "berth.openFolder": async (services, ...args) => (await remote()).openFolder(services, args),
  "berth.openWorkspace": async (services, ...args) =>
    (await import("./remote-workspace.ts")).openWorkspace(services, args),
  "berth.openWindow": async (services, ...args) => (await remote()).openWindow(services, args),
  "berth.browseFiles": async (services, ...args) =>
    (await import("./browse-files.ts")).browseFiles(services, args),
  "berth.addSshConfig": async (services) => (await remoteSetup()).addSshConfig(services),
  "berth.removeSshConfig": async (services) => (await remoteSetup()).removeSshConfig(services),
  "berth.copyTo": async (services, ...args) => (await sharing()).copyTo(services, args),
  "berth.start": async (services, ...args) => (await power()).start(services, args),
  "berth.startCold": async (services, ...args) => (await power()).startCold(services, args),
  "berth.stop": async (services, ...args) => (await power()).stop(services, args),
  "berth.stopLater": async (services, ...args) => (await power()).stopLater(services, args),
  "berth.cancelStop": async (services, ...args) => (await power()).cancelStop(services, args),
  "berth.suspend": async (services, ...args) => (await power()).suspend(services, args),
  "berth.pause": async (services, ...args) => (await power()).pause(services, args),
  "berth.unpause": async (services, ...args) => (await power()).unpause(services, args),
  "berth.adopt": async (services, ...args) => (await foreign()).adopt(services, args),
  "berth.release": async (services, ...args) => (await foreign()).release(services, args),
  "berth.restart": async (services, ...args) => (await power()).restart(services, args),
  "berth.forceStop": async (services, ...args) => (await power()).forceStop(services, args),
  "berth.cancel": async (services, ...args) => (await actions()).cancel(services, args),
  "berth.enableZone": async (services, ...args) => (await power()).enableZone(services, args),
  "berth.showDetails": async (services, ...args) =>
    (await import("./panel/command.ts")).showDetails(services, args),
  "berth.showLog": async (services, ...args) => (await actions()).showLog(services, args),
  "berth.viewLogs": async (services, ...args) => (await actions()).viewLogs(services, args),
  "berth.cloudInitLog": async (services, ...args) => (await actions()).showCloudInitLog(services, args),
  "berth.copySshCommand": async (services, ...args) => (await actions()).copySshCommand(services, args),
  "berth.copyAddress": async (services, ...args) => (await actions()).copyAddress(services, args),
  "berth.mountFolder": async (services, ...args) => (await sharing()).mountFolder(services, args),
  "berth.unmount": async (services, ...args) => (await sharing()).unmount(services, args),
  "berth.forwardPort": async (services, ...args) => (await sharing()).forwardPort(services, args),
  "berth.openPort": async (services, ...args) => (await ports()).openPort(services, args),
  "berth.forwardDetected": async (services, ...args) => (await ports()).forwardDetected(services, args),
  "berth.forwardDetectedTo": async (services, ...args) => (await ports()).forwardDetectedTo(services, args),
  "berth.copyPortAddress": async (services, ...args) => (await ports()).copyPortAddress(services, args),
  "berth.portVisibility": async (services, ...args) => (await ports()).changeVisibility(services, args),
  "berth.stopPort": async (services, ...args) => (await ports()).stopPorts(services, args),
  "berth.removePort": async (services, ...args) => (await sharing()).removePort(services, args),
  "berth.takeSnapshot": async (services, ...args) => (await snapshots()).takeSnapshot(services, args),
  "berth.restoreSnapshot": async (services, ...args) => (await snapshots()).restoreSnapshot(services, args),
  "berth.renameSnapshot": async (services, ...args) => (await snapshots()).renameSnapshot(services, args),
  "berth.commentSnapshot": async (services, ...args) => (await snapshots()).commentSnapshot(services, args),
  "berth.deleteSnapshot": async (services, ...args) => (await snapshots()).deleteSnapshot(services, args),
  "berth.backUp": async (services, ...args) => (await backups()).backUp(services, args),
  "berth.browseBackup": async (services, ...args) =>
    (await import("./browse-backup.ts")).browseBackup(services, args),
  "berth.restoreBackup": async (services, ...args) => (await backups()).restoreBackup(services, args),
  "berth.rollBack": async (services, ...args) => (await import("./roll-back.ts")).rollBack(services, args),
  "berth.planBackups": async (services, ...args) =>
    (await import("./backup-plans.ts")).planBackups(services, args),
  "berth.verifyBackup": async (services, ...args) => (await backups()).verifyBackup(services, args),
  "berth.drillBackup": async (services, ...args) => (await backups()).drillBackup(services, args),
  "berth.restoreDisk": async (services, ...args) =>
    (await import("./roll-back.ts")).rollBackDisk(services, args),
  "berth.protectBackup": async (services, ...args) => (await backups()).protectBackup(services, args),
  "berth.unprotectBackup": async (services, ...args) => (await backups()).unprotectBackup(services, args),
  "berth.deleteBackup": async (services, ...args) => (await backups()).deleteBackup(services, args),
  "berth.addRepository": async (services) => void (await (await repositories()).addRepository(services)),
  "berth.checkRepository": async (services, ...args) =>
    (await repositories()).checkRepository(services, args),
  "berth.pruneRepository": async (services, ...args) =>
    (await repositories()).pruneRepository(services, args),
  "berth.showRecoveryKit": async (services, ...args) =>
    (await repositories()).showRecoveryKit(services, args),
  "berth.changeRepositoryPassword": async (services, ...args) =>
    (await repositories()).changePassword(services, args),
  "berth.removeRepository": async (services, ...args) =>
    (await repositories()).removeRepository(services, args),
  "berth.refreshBackups": async (services) => (await repositories()).refreshBackups(services),
  "berth.export": async (services, ...args) => (await portable()).exportInstance(services, args),
  "berth.import": async (services) => (await portable()).importInstance(services),
  "berth.copyAway": async (services, ...args) => (await moving()).copyAway(services, args),
  "berth.moveAway": async (services, ...args) => (await moving()).moveAway(services, args),
  "berth.confirmMove": async (services, ...args) => (await moving()).confirmMoved(services, args),
  "berth.undoMove": async (services, ...args) => (await moving()).takeBack(services, args),
  "berth.rename": async (services, ...args) => (await changes()).rename(services, args),
  "berth.clone": async (services, ...args) => (await changes()).clone(services, args),
  "berth.changeSize": async (services, ...args) => (await changes()).changeSize(services, args),
  "berth.rotateKey": async (services, ...args) => (await changes()).rotateKey(services, args),
  "berth.addDisk": async (services, ...args) => (await sharing()).addDisk(services, args),
  "berth.removeDisk": async (services, ...args) => (await sharing()).removeDisk(services, args),
  "berth.setAutostart": async (services, ...args) => (await changes()).setAutostart(services, args),
  "berth.setLabels": async (services, ...args) => (await changes()).setLabels(services, args),
  "berth.recover": async (services, ...args) => (await power()).recover(services, args),
  "berth.delete": async (services, ...args) => (await power()).remove(services, args),
  "berth.purge": async (services, ...args) => (await power()).purge(services, args),
  "berth.emptyTrash": async (services) => (await power()).emptyTrash(services),
  "berth.filter": async (services) => (await arrange()).filter(services),
  "berth.clearFilter": async (services) => (await arrange()).clearFilter(services),
  "berth.groupBy": async (services) => (await arrange()).groupBy(services),
  "berth.projectUp": async (services, ...args) => (await project()).projectUp(services, args),
  "berth.projectDown": async (services, ...args) => (await project()).projectDown(services, args),
  "berth.projectRefresh": async (services) => (await project()).refreshProject(services),
  "berth.projectOpen": async (services, ...args) => (await project()).openProject(services, args),
  "berth.composeUp": async (services, ...args) => (await compose()).composeUp(services, args),
  "berth.composeDown": async (services, ...args) => (await compose()).composeDown(services, args),
  "berth.refreshCompose": async (services) => (await compose()).refreshCompose(services),
  "berth.pullImage": async (services, ...args) => (await images()).pullImage(services, args),
  "berth.launchImage": async (services, ...args) => (await images()).launchImage(services, args),
  "berth.removeImage": async (services, ...args) => (await images()).removeImage(services, args),
  "berth.pruneImages": async (services, ...args) => (await images()).pruneImages(services, args),
  "berth.buildImage": async (services, ...args) =>
    (await import("./build-image.ts")).buildImage(services, args),
  "berth.refreshImages": async (services) => (await images()).refreshImages(services),
  "berth.cancelOperation": async (services, ...args) => (await operations()).cancelOperation(services, args),
  "berth.showOperation": async (services, ...args) => (await operations()).showOperation(services, args),
  "berth.copyOperationError": async (services, ...args) => (await operations()).copyError(services, args),
  "berth.clearOperations": async (services) => (await operations()).clearEnded(services),
  "berth.newSandbox": async (services) => (await sandbox()).newSandbox(services),
  "berth.reviewSandbox": async (services) => (await sandbox()).reviewChanges(services),
  "berth.acceptSandbox": async (services, ...args) => (await sandbox()).acceptChanges(services, args),
  "berth.discardSandbox": async (services, ...args) => (await sandbox()).discardSandbox(services, args),
  "berth.unlockKeys": async (services) => (await import("./keys.ts")).unlockKeys(services),
  "berth.getStarted": async () => (await import("./get-started.ts")).getStarted(),
  "berth.reconnect": async (services) => (await tools()).reconnect(services),
  "berth.installQemu": async (services) => (await tools()).installQemu(services),
  "berth.showEngineLog": async (services) => (await tools()).showEngineLog(services),
  "berth.installCli": async (services) => (await tools()).installCli(services),
} as const satisfies Record<string, Handler>;

export type CommandId = keyof typeof COMMANDS;

/** The part of vscode's `commands` that registering needs. */
type Registrar = {
  registerCommand(id: string, handler: (...args: unknown[]) => Promise<void>): { dispose(): void };
};

/** Registers the table; whatever a handler throws ends in the views' one error boundary. */
export function registerCommands(commands: Registrar, services: Services): { dispose(): void } {
  const registrations = Object.entries<Handler>(COMMANDS).map(([id, handler]) => {
    const run = async (...args: unknown[]): Promise<void> => {
      try {
        services.log.debug(`command ${id}`);
        await handler(services, ...args);
      } catch (error) {
        const { showError } = await import("./errors.ts");
        void showError(error, { log: services.log, retry: () => void run(...args) });
      }
    };
    return commands.registerCommand(id, run);
  });
  return toDisposable(() => {
    for (const registration of registrations) registration.dispose();
  });
}
