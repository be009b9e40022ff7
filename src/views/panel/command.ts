/** The command that opens panels. */
import { pickInstance } from "../prompts.ts";
import type { Services } from "../services.ts";
import { anyInstancesIn } from "../targets.ts";

export async function showDetails(services: Services, args: readonly unknown[]): Promise<void> {
  await services.mirror.client();
  const named = anyInstancesIn(args, services.model, services.selection());
  const picked = named ?? [await pickInstance(services.model, "log")];
  const panels = await services.panels();
  for (const instance of picked) if (instance) panels.show(instance.id);
}
