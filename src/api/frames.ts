/** The binary frames of the byte streams that `streams.ts` describes, and where those are. No schemas, as in `names.ts`. */

export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2 } as const;
export type Channel = keyof typeof CHANNEL;

/** Refuse larger messages: a frame is one read of a pipe, never a file. */
export const MAX_FRAME_BYTES = 2 ** 20;

export function encodeFrame(channel: Channel, bytes: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(bytes.length + 1);
  frame[0] = CHANNEL[channel];
  frame.set(bytes, 1);
  return frame;
}

/** The channel and bytes of a binary frame, or undefined for a frame that is none. */
export function decodeFrame(frame: Buffer): { channel: Channel; bytes: Buffer } | undefined {
  const channel = (["stdin", "stdout", "stderr"] as const)[frame[0] ?? 3];
  return channel === undefined ? undefined : { channel, bytes: frame.subarray(1) };
}

/**
 * What a stream with an instance is: a process in its guest, a connection to one of its ports, its screen or its serial
 * console, its files by SFTP; of a container also what it prints, its main process, or its file system.
 */
export type InstanceStreamKind =
  | "exec"
  | "tunnel"
  | "display"
  | "console"
  | "sftp"
  | "logs"
  | "attach"
  | "export";
/**
 * The others are of no instance: a build or an import of an image, an import of a VM, what brings a compose project up or
 * down, the logs of a container that others have made, and the files of a backup of one.
 */
export type StreamKind =
  | InstanceStreamKind
  | "build"
  | "import"
  | "importInstance"
  | "compose"
  | "foreignLogs"
  | "files";

export const BUILD_PATH = "/v1/container-images/build";
export const IMPORT_PATH = "/v1/container-images/import";
export const INSTANCE_IMPORT_PATH = "/v1/instance-imports";
export const COMPOSE_PATH = "/v1/compose-projects/run";
export const FOREIGN_LOGS_PATH = "/v1/foreign-containers/logs";
export const BACKUP_FILES_PATH = "/v1/backups/files";

export function streamPath(name: string, kind: InstanceStreamKind): string {
  return `/v1/instances/${encodeURIComponent(name)}/${kind}`;
}
