/** An engine that nobody can reach any more must not keep its successors out. */
import { statSync, watch } from "node:fs";
import path from "node:path";
import { type Disposable, toDisposable } from "../../base/disposable.ts";
import type { Endpoint } from "../../base/paths.ts";

/**
 * Calls `gone` once when the socket's file is not the one that is listened on any more: directories of sockets are
 * cleaned by the system, at a user's last logout for one. Never of a pipe, which has no file. To be called while it is
 * listened on.
 */
export function whenUnlinked(endpoint: Endpoint, gone: () => void): Disposable {
  if (endpoint.kind !== "unix") return toDisposable(() => {});
  const ours = inodeOf(endpoint.path);
  const watcher = watch(path.dirname(endpoint.path), { persistent: false });
  const check = () => {
    if (ours !== undefined && inodeOf(endpoint.path) === ours) return;
    watcher.close();
    gone();
  };
  watcher.on("change", check).on("error", check);
  if (ours === undefined) queueMicrotask(check); // It is gone already.
  return toDisposable(() => watcher.close());
}

function inodeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.ino;
}
