/** Panels that show an instance's screen. */
import { Panels } from "../panel/panels.ts";
import type { Services } from "../services.ts";
import { DisplayPanel } from "./panel.ts";
import { titleOf } from "./words.ts";

export function displayPanels(services: Services, dist: string): Panels {
  return new Panels(services.model, dist, {
    viewType: "berth.display",
    title: titleOf,
    make: (panel, id, media) => new DisplayPanel(services, panel, id, media),
  });
}
