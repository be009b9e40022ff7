/** Where data, instances and images lie. */
import { Operation } from "../operation.ts";
import { StorageMove, StoragePlace } from "../storage.ts";
import { List, procedure } from "./procedure.ts";

export const storage = {
  show: procedure(
    "GET",
    "/v1/storage",
    "system.view",
    "/system",
    "Where data, instances and images lie; looks again for a place that was not there",
  ).output(List(StoragePlace)),
  move: procedure(
    "POST",
    "/v1/storage/move",
    "system.config",
    "/system",
    "Move instances and images to another place",
  )
    .input(StorageMove)
    .output(Operation),
};
