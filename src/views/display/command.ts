/** The command that opens graphical consoles. */
import { pickInstance } from "../prompts.ts";
import type { Services } from "../services.ts";
import { anyInstancesIn } from "../targets.ts";

/** In whatever state they are: the console says what is missing, and waits for it. */
export async function openDisplay(services: Services, args: readonly unknown[]): Promise<void> {
  await services.mirror.client();
  const named = anyInstancesIn(args, services.model, services.selection());
  const picked = named ?? [await pickInstance(services.model, "display", { single: "take" })];
  const displays = await services.displays();
  for (const instance of picked) if (instance) displays.show(instance.id);
}
