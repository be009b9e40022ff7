/** Snapshots of stopped instances. */
import * as z from "zod";
import { Operation } from "../operation.ts";
import { Snapshot, SnapshotComment, SnapshotName, SnapshotOccasion } from "../snapshot.ts";
import { ByName, List, procedure } from "./procedure.ts";

const One = ByName.extend({ snapshot: z.string().min(1).max(255) });

export const snapshots = {
  list: procedure("GET", "/v1/snapshots", "system.view", "*", "Snapshots of one instance, or of all")
    .input(z.object({ instance: z.string().min(1).max(255).optional() }))
    .output(List(Snapshot)),
  take: procedure(
    "POST",
    "/v1/instances/{name}/snapshots",
    "snapshot.create",
    "/projects/*/instances/{name}",
    "Keep a stopped instance as it is; the operation's target is `instance.snapshot`",
  )
    .input(
      ByName.extend({
        snapshot: SnapshotName.optional(),
        comment: SnapshotComment.default(""),
        before: SnapshotOccasion.optional().describe(
          "It is an automatic one, of which only the last ten stay",
        ),
      }),
    )
    .output(Operation),
  restore: procedure(
    "POST",
    "/v1/instances/{name}/snapshots/{snapshot}/restore",
    "snapshot.rollback",
    "/projects/*/instances/{name}",
    "Make a stopped instance what it was; what it is now is kept in a snapshot unless that is declined",
  )
    .input(
      One.extend({
        destructive: z.boolean().default(false),
        automatic: z
          .boolean()
          .default(false)
          .describe("That snapshot is an automatic one, of which only the last ten stay"),
      }),
    )
    .output(Operation),
  update: procedure(
    "PATCH",
    "/v1/instances/{name}/snapshots/{snapshot}",
    "snapshot.create",
    "/projects/*/instances/{name}",
    "Give a snapshot another name or comment",
  )
    .input(One.extend({ to: SnapshotName.optional(), comment: SnapshotComment.optional() }))
    .output(Operation),
  remove: procedure(
    "DELETE",
    "/v1/instances/{name}/snapshots/{snapshot}",
    "snapshot.delete",
    "/projects/*/instances/{name}",
    "Remove a snapshot for good; its children stand on its parent from then on",
  )
    .input(One)
    .output(Operation),
};
