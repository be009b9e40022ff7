/**
 * The byte streams, beside the RPC procedures on the same server: one WebSocket per process of exec and shell on
 * `GET /v1/instances/{name}/exec`, one per connection to a port of a guest on `GET /v1/instances/{name}/tunnel`, one per
 * viewer of its screen on `GET /v1/instances/{name}/display`, one per watcher of its serial console on
 * `GET /v1/instances/{name}/console`, one per connection to its SFTP server on `GET /v1/instances/{name}/sftp`, one per
 * reader of what a container prints on `GET /v1/instances/{name}/logs`, one per terminal at its main process on
 * `GET /v1/instances/{name}/attach`, one per copy of its file system on `GET /v1/instances/{name}/export`. The first message
 * is a text frame with an ExecOpen, a TunnelOpen, a DisplayOpen, a ConsoleOpen, an SftpOpen, a LogsOpen, an AttachOpen or an
 * ExportOpen; then
 *
 * - binary frames carry bytes, the first byte naming the channel (0 stdin → engine, 1 stdout, 2 stderr → client);
 * - text frames carry a StreamControl in either direction;
 * - the engine ends with `exit` or `error`, then closes the socket. A client that closes early ends the process,
 *   unless it was opened as a session: then the engine keeps it, with the end of what it has shown, for a while. One
 *   stream at a time is attached to a session.
 *
 * A tunnel is such a stream without stderr: what is sent as stdin goes to the port, what the port sends is stdout, and
 * it ends when the guest ends its side. A display is one too: the bytes are those of RFB, the protocol of VNC, and it ends
 * when the guest's run does.
 *
 * So is a console. It waits for an instance that is about to start, begins with what the guest printed last, and ends
 * when the guest's run does. Any number may watch; what each of them types is sent. A client that does not keep up misses
 * the middle: it is told so in the stream, and goes on with the last part.
 *
 * SFTP's is like a tunnel: what is sent and what comes are the packets of its version 3, and the files are those of the
 * instance's user.
 *
 * A build of an image of containers is a stream of no instance, on `GET /v1/container-images/build`, and begins with a
 * BuildOpen. Its stdout is what the build prints, then the image's id in a line of its own; a client that closes early
 * ends it.
 *
 * So is what brings a compose project up or down, on `GET /v1/compose-projects/run`: it begins with a ComposeOpen, and its
 * stdout is what compose prints.
 *
 * Logs are what a container's program has printed, on both its outputs in the order it came, whether it runs or has ended.
 * Followed, they end with its run. Those of a container that others have made are on `GET /v1/foreign-containers/logs`, and
 * begin with a ForeignLogsOpen.
 *
 * What is attached to a container's main process gets what that prints from then on, and sends what it reads, where its input
 * is open. Signals and sizes are for it as for an exec. A client that closes leaves it, and does nothing to it; the `exit`
 * bears its code, or nothing where it goes on and only its runtime has let go of the stream.
 *
 * An export's stdout is a tar: of a container its file system, of a VM its definition and its disks, as `docs/move.md` says.
 * A VM is made of that again on `GET /v1/instance-imports`, a stream of no instance that begins with an InstanceImportOpen:
 * stdin is the file, stdout a line of JSON with the new instance's name. An import of a container's is the way back, a stream of no instance on `GET /v1/container-images/import` that
 * begins with an ImportOpen: stdin is the tar, stdout the id of the image in a line of its own; a client that closes early
 * ends it, and there is no image then.
 *
 * The files of a backup of a container are a stream of no instance on `GET /v1/backups/files` that begins with a
 * BackupFilesOpen, and speaks SFTP as an instance's does. They are laid out as `BACKUP_FILES` says, and nothing can be written.
 */
import * as z from "zod";
import { ProjectName } from "./access.ts";
import { ComposeRun } from "./compose.ts";
import { ContainerRuntime } from "./container.ts";
import { ContainerBuild, ContainerImport } from "./container-image.ts";
import { DETACH_KEYS_PATTERN } from "./detach-keys.ts";
import { InstanceName } from "./instance-name.ts";
import { LEAST_PASSPHRASE } from "./keys.ts";
import { ErrorBodySchema } from "./operation.ts";
import { SessionRequest } from "./session.ts";

export const TerminalSize = z.object({ cols: z.int().min(1).max(10_000), rows: z.int().min(1).max(10_000) });
export type TerminalSize = z.infer<typeof TerminalSize>;

export const ExecOpen = z.strictObject({
  argv: z.array(z.string()).optional().describe("Absent: the user's login shell"),
  cwd: z.string().optional().describe("In the guest; a relative one lies in the user's home"),
  hostCwd: z
    .string()
    .max(4096)
    .optional()
    .describe("A directory of the engine's host: where it is mounted, the command runs there"),
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()).optional(),
  tty: TerminalSize.optional().describe("Present: a pseudo-terminal of this size"),
  term: z.string().max(64).optional(),
  session: SessionRequest.optional().describe(
    "With a terminal: the process outlives the stream, and can be joined again",
  ),
});
export type ExecOpen = z.input<typeof ExecOpen>;

export const TunnelOpen = z.strictObject({
  port: z
    .int()
    .min(1)
    .max(65_535)
    .describe("TCP, on the guest's loopback; for 22 it waits until sshd speaks"),
});
export type TunnelOpen = z.infer<typeof TunnelOpen>;

export const DisplayOpen = z.strictObject({}).describe("Nothing is to be said");
export type DisplayOpen = z.infer<typeof DisplayOpen>;

export const SftpOpen = z.strictObject({}).describe("Nothing is to be said");
export type SftpOpen = z.infer<typeof SftpOpen>;

export const BackupFilesOpen = z.strictObject({
  repository: z.string().min(1).max(255),
  backup: z.string().min(1).max(64).describe("The beginning of its id"),
});
export type BackupFilesOpen = z.infer<typeof BackupFilesOpen>;

export const LogsOpen = z.strictObject({
  follow: z.boolean().optional().describe("What it prints from now on is wanted, too"),
  sinceMs: z.int().nonnegative().optional().describe("Nothing from before this moment, in ms since 1970"),
  tail: z.int().nonnegative().optional().describe("At most that many lines of what there is"),
});
export type LogsOpen = z.infer<typeof LogsOpen>;

export const ForeignLogsOpen = LogsOpen.extend({
  container: z.string().min(1).max(255).describe("Its name, or its id or the beginning of that"),
  runtime: ContainerRuntime.optional().describe("Where it is; all that run are looked through when left out"),
});
export type ForeignLogsOpen = z.infer<typeof ForeignLogsOpen>;

export const AttachOpen = z.strictObject({
  size: TerminalSize.optional().describe("What its terminal becomes, where it has one"),
  stdin: z.boolean().optional().describe("Whether anything is sent to it; it is when left out"),
  detachKeys: z
    .string()
    .regex(DETACH_KEYS_PATTERN, { error: "keys such as ctrl-p,ctrl-q are needed" })
    .optional()
    .describe(
      "What its runtime takes for a wish to leave, where it has a terminal; ctrl-p,ctrl-q when left out",
    ),
});
export type AttachOpen = z.infer<typeof AttachOpen>;

const Passphrase = z.string().min(LEAST_PASSPHRASE).max(1024);

export const ExportOpen = z.strictObject({
  passphrase: Passphrase.optional().describe("Of a VM: the file is encrypted by it"),
  plain: z.boolean().optional().describe("Of an encrypted VM: the file may be readable for whoever has it"),
});
export type ExportOpen = z.infer<typeof ExportOpen>;

export const InstanceImportOpen = z.strictObject({
  as: InstanceName.optional().describe("Left out, what it was called"),
  project: ProjectName.optional().describe("That it shall belong to; default when left out"),
  passphrase: Passphrase.optional().describe("Where the file is encrypted"),
  id: z.uuid().optional().describe("What the instance is known by; drawn when left out"),
});
export type InstanceImportOpen = z.infer<typeof InstanceImportOpen>;

/** What a watcher of a console is given of the time before it came, at most. */
export const CONSOLE_HISTORY_BYTES = 64 * 1024;

export const ConsoleOpen = z.strictObject({
  historyBytes: z
    .int()
    .min(0)
    .max(CONSOLE_HISTORY_BYTES)
    .optional()
    .describe("How much of what it printed before comes first; all that is kept where left out"),
});
export type ConsoleOpen = z.infer<typeof ConsoleOpen>;

export const BuildOpen = ContainerBuild;
export type BuildOpen = z.input<typeof BuildOpen>;

export const ImportOpen = ContainerImport;
export type ImportOpen = z.infer<typeof ImportOpen>;

export const ComposeOpen = ComposeRun;
export type ComposeOpen = z.input<typeof ComposeOpen>;

export const SignalName = z.enum(["HUP", "INT", "QUIT", "KILL", "TERM", "USR1", "USR2"]);
export type SignalName = z.infer<typeof SignalName>;

export const StreamControl = z.discriminatedUnion("type", [
  z.object({ type: z.literal("opened") }),
  z.object({ type: z.literal("eof") }).describe("Client: no more stdin"),
  z.object({ type: z.literal("resize"), size: TerminalSize }),
  z.object({ type: z.literal("signal"), signal: SignalName }),
  z.object({ type: z.literal("exit"), code: z.int().optional(), signal: z.string().optional() }),
  z.object({ type: z.literal("error"), error: ErrorBodySchema }),
]);
export type StreamControl = z.infer<typeof StreamControl>;
