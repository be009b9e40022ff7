/** Compose projects are listed here; one is brought up and down over a byte stream, which tells what compose prints. */
import * as z from "zod";
import { ComposeProject } from "../compose.ts";
import { ContainerRuntime } from "../container.ts";
import { List, procedure } from "./procedure.ts";

export const composeProjects = {
  list: procedure("GET", "/v1/compose-projects", "system.view", "/system", "Compose projects on this host")
    .input(z.object({ runtime: ContainerRuntime.optional().describe("All that run when left out") }))
    .output(List(ComposeProject)),
};
