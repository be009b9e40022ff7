/** The whole of the command line, for help, for what is run seldom, and for the name `multipass`. */
import type { Command } from "commander";
import { PRIMARY_NAME } from "../api/names.ts";
import { addAccessCommands } from "./access.ts";
import { addRightsCommands } from "./access-rights.ts";
import { addAliasCommands } from "./aliases.ts";
import { addAuditCommands } from "./audit.ts";
import { addAutostartCommands } from "./autostart.ts";
import { addBackupCommands } from "./backups.ts";
import { addCloudInitCommands } from "./cloud-init.ts";
import { type AddVerbs, bareProgram, namesOf, readied } from "./command-line.ts";
import { addComposeCommands } from "./compose.ts";
import { addConsoleCommand } from "./console.ts";
import { addContainerImageCommands } from "./container-images.ts";
import { addDiskCommands } from "./disks.ts";
import { addDoctorCommands } from "./doctor.ts";
import { addEngineCommands } from "./engine.ts";
import { addExecCommands } from "./exec.ts";
import { addExportCommand } from "./export.ts";
import { addForeignContainerCommands } from "./foreign-containers.ts";
import { addHostsCommand } from "./hosts.ts";
import { addImageCommands } from "./images.ts";
import { addImportCommand } from "./import.ts";
import { addInfoCommand } from "./info.ts";
import { addInstallCommands } from "./install.ts";
import { addInstanceCommands } from "./instances.ts";
import { addIsoCommands } from "./iso.ts";
import { addKeyCommands } from "./keys.ts";
import { addLifecycleCommands } from "./lifecycle.ts";
import { addLogsCommand } from "./logs.ts";
import { addAttachCommand } from "./main-process.ts";
import { addMcpCommand } from "./mcp.ts";
import { addMountCommands } from "./mounts.ts";
import { addMoveCommands } from "./move.ts";
import { asMultipass } from "./multipass/program.ts";
import { addNetworkCommands } from "./networks.ts";
import { addPortCommands } from "./ports.ts";
import { addPowerCommands } from "./power.ts";
import { addProjectCommands } from "./project.ts";
import { addProjectsCommand } from "./projects.ts";
import { addRepositoryCommands } from "./repositories.ts";
import { addSandboxCommands } from "./sandbox.ts";
import { addScreenshotCommand } from "./screenshot.ts";
import type { Session } from "./session.ts";
import { addSessionCommands } from "./sessions.ts";
import { addSettingCommands } from "./settings.ts";
import { addSnapshotCommands } from "./snapshots.ts";
import { addSshCommands } from "./ssh.ts";
import { addStatsCommand } from "./stats.ts";
import { addStorageCommands } from "./storage.ts";
import { addTransferCommand } from "./transfer.ts";
import { addZoneCommands } from "./zones.ts";

/** All of them, by their headings in the help. */
const VERBS: Readonly<Record<string, readonly AddVerbs[]>> = {
  "Instances:": [
    addInstanceCommands,
    addInfoCommand,
    addPowerCommands,
    addLifecycleCommands,
    addMoveCommands,
    addExportCommand,
    addImportCommand,
    addForeignContainerCommands,
    addDiskCommands,
    addIsoCommands,
    addScreenshotCommand,
  ],
  "Projects:": [addProjectCommands, addComposeCommands],
  "Agents:": [addSandboxCommands, addMcpCommand],
  "Snapshots:": [addSnapshotCommands],
  "Backups:": [addBackupCommands, addRepositoryCommands],
  "Guests:": [
    addExecCommands,
    addSessionCommands,
    addConsoleCommand,
    addLogsCommand,
    addAttachCommand,
    addStatsCommand,
    addTransferCommand,
    addMountCommands,
    addPortCommands,
    addSshCommands,
    addCloudInitCommands,
  ],
  "Aliases:": [(program, session) => addAliasCommands(program, session, () => namesOf(program))],
  "Images:": [addImageCommands, addContainerImageCommands],
  "Engine:": [
    addEngineCommands,
    addNetworkCommands,
    addHostsCommand,
    addZoneCommands,
    addAccessCommands,
    addRightsCommands,
    addProjectsCommand,
    addAuditCommands,
    addKeyCommands,
    addAutostartCommands,
    addStorageCommands,
    addDoctorCommands,
    addSettingCommands,
  ],
  "This command:": [addInstallCommands],
};

/** `primary` names the primary instance in the help that it gives under the name `multipass`. */
export function createProgram(session: Session, primary = PRIMARY_NAME): Command {
  const program = bareProgram(session);
  for (const [heading, verbs] of Object.entries(VERBS)) {
    program.commandsGroup(heading);
    for (const add of verbs) add(program, session);
  }
  program.helpCommand("help [command]", "Display help about a command");
  return readied(program, session, session.dialect === "multipass" ? asMultipass(program, primary) : program);
}
