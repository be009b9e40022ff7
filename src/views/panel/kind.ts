/** Panels that show all there is of an instance. */
import type { Services } from "../services.ts";
import { InstancePanel } from "./panel.ts";
import { Panels } from "./panels.ts";

export function instancePanels(services: Services, dist: string): Panels {
  return new Panels(services.model, dist, {
    viewType: "berth.instance",
    title: (name) => name,
    make: (panel, id, media) => new InstancePanel(services, panel, id, media),
  });
}
