import * as z from "zod";
import { ERROR_CODES, type ErrorCode } from "../base/errors.ts";

const codes = Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]];

export const ErrorBodySchema = z.object({
  code: z.enum(codes),
  message: z.string(),
  hint: z.string().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
});

/** One of the parts that work consists of, such as a layer of an image; the order is that of the work. */
export const ProgressPart = z.object({
  id: z.string(),
  state: z.enum(["waiting", "moving", "unpacking", "done"]),
  done: z.number().nonnegative(),
  total: z.number().positive().optional(),
});
export type ProgressPart = z.infer<typeof ProgressPart>;

/** How far work has come. `done` and `total` are bytes where the phase moves bytes, else steps; `total` may be unknown. */
export const Progress = z.object({
  phase: z.string().describe("download, verify, convert, create, boot, cloud-init, stop, …"),
  done: z.number().nonnegative().optional(),
  total: z.number().positive().optional(),
  message: z.string().optional(),
  parts: z.array(ProgressPart).optional().describe("The layers, of an image of a container"),
});
export type Progress = z.infer<typeof Progress>;

export const OperationKind = z.enum([
  "launch",
  "adopt",
  "release",
  "start",
  "stop",
  "restart",
  "pause",
  "unpause",
  "delete",
  "recover",
  "purge",
  "add-port",
  "remove-port",
  "add-network",
  "remove-network",
  "change-network",
  "mount",
  "unmount",
  "add-disk",
  "resize-disk",
  "remove-disk",
  "recover-disk",
  "purge-disk",
  "change-medium",
  "rotate-key",
  "snapshot",
  "restore",
  "remove-snapshot",
  "update",
  "suspend",
  "cancel-stop",
  "rename",
  "clone",
  "disable-zone",
  "enable-zone",
  "pull-image",
  "build-image",
  "pull-container-image",
  "push-image",
  "load-image",
  "save-image",
  "move-storage",
  "add-repository",
  "check-repository",
  "prune-repository",
  "backup",
  "restore-backup",
  "verify-backup",
  "drill-backup",
  "browse-backup",
  "export",
  "import",
  "move",
]);
export type OperationKind = z.infer<typeof OperationKind>;

export const OperationStatus = z.enum(["running", "succeeded", "failed", "cancelled"]);
export type OperationStatus = z.infer<typeof OperationStatus>;

/** Work in progress or done. Outlives the client and, being journaled, the engine that began it. */
export const Operation = z.object({
  id: z.uuid(),
  kind: OperationKind,
  target: z
    .string()
    .describe(
      "What it works on: name of the instance, `instance.snapshot`, name of the zone, or reference of the image",
    ),
  status: OperationStatus,
  progress: Progress.optional(),
  cancellable: z.boolean(),
  error: ErrorBodySchema.optional().describe("Present exactly when status is failed"),
  warnings: z.array(z.string()).describe("What the user should know although it went on"),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type Operation = z.infer<typeof Operation>;
