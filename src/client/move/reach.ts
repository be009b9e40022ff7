/** The way to where an instance goes, or has gone. */
import { type Destination, engineDestination, repositoryDestination, type Worker } from "./destination.ts";
import { openTarget, type Target } from "./target.ts";

export type Reached = { destination: Destination; close: () => Promise<void> };

/** An engine of this computer is started where it does not run. Whoever reaches it closes it. */
export async function reachDestination(
  source: Worker,
  target: Target,
  engineBundle: string,
): Promise<Reached> {
  if (target.kind === "repository")
    return { destination: repositoryDestination(target.text, target.name), close: async () => {} };
  const { client, close } = await openTarget(target, { engineBundle, signal: source.signal });
  try {
    const here = await source.client.api.engine.info();
    return { destination: engineDestination({ ...source, client }, target.text, here), close };
  } catch (error) {
    await close();
    throw error;
  }
}
