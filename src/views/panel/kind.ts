/** Panels that show all there is of an instance. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Services } from "../services.ts";
import { InstancePanel } from "./panel.ts";
import { Panels } from "./panels.ts";

export async function instancePanels(services: Services, dist: string): Promise<Panels> {
  const read = async (name: string) => ({ code: await readFile(path.join(dist, "webview", name), "utf8") });
  const [script, style] = await Promise.all([read("panel.js"), read("panel.css")]);
  return new Panels(services.model, dist, {
    viewType: "berth.instance",
    title: (name) => name,
    make: (panel, id) => new InstancePanel(services, panel, id, { script, style }),
  });
}
