/**
 * Every command of the manifest and what it does. Handlers live in modules that are loaded when first needed, so
 * that activation loads none of them. A test compares this table with the manifest.
 */
import { toDisposable } from "../base/disposable.ts";
import type { Services } from "./services.ts";

/** The arguments are what vscode passes: from a row `(node, selection)`, from the palette nothing. */
export type Handler = (services: Services, ...args: unknown[]) => Promise<void>;

const actions = () => import("./actions.ts");
const launch = () => import("./launch.ts");
const remote = () => import("./remote.ts");
const remoteSetup = () => import("./remote-setup.ts");
const tools = () => import("./tools.ts");

export const COMMANDS = {
  "berth.launch": async (services) => (await launch()).launchWithWizard(services),
  "berth.launchPrimary": async (services) => (await launch()).launchPrimary(services),
  "berth.start": async (services, ...args) => (await actions()).start(services, args),
  "berth.stop": async (services, ...args) => (await actions()).stop(services, args),
  "berth.forceStop": async (services, ...args) => (await actions()).forceStop(services, args),
  "berth.restart": async (services, ...args) => (await actions()).restart(services, args),
  "berth.delete": async (services, ...args) => (await actions()).remove(services, args),
  "berth.recover": async (services, ...args) => (await actions()).recover(services, args),
  "berth.purge": async (services, ...args) => (await actions()).purge(services, args),
  "berth.emptyTrash": async (services) => (await actions()).emptyTrash(services),
  "berth.cancel": async (services, ...args) => (await actions()).cancel(services, args),
  "berth.openShell": async (services, ...args) => (await actions()).openShell(services, args),
  "berth.runCommand": async (services, ...args) => (await actions()).runCommand(services, args),
  "berth.openFolder": async (services, ...args) => (await remote()).openFolder(services, args),
  "berth.openWorkspace": async (services, ...args) =>
    (await import("./remote-workspace.ts")).openWorkspace(services, args),
  "berth.openWindow": async (services, ...args) => (await remote()).openWindow(services, args),
  "berth.addSshConfig": async (services) => (await remoteSetup()).addSshConfig(services),
  "berth.removeSshConfig": async (services) => (await remoteSetup()).removeSshConfig(services),
  "berth.showLog": async (services, ...args) => (await actions()).showLog(services, args),
  "berth.copySshCommand": async (services, ...args) => (await actions()).copySshCommand(services, args),
  "berth.copyAddress": async (services, ...args) => (await actions()).copyAddress(services, args),
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
