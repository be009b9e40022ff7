/** Projects: what instances belong to, and what those of one may have together. */
import * as z from "zod";
import { Project, ProjectLimits, ProjectName } from "../access.ts";
import { List, procedure } from "./procedure.ts";

const One = z.object({ project: ProjectName });

export const projects = {
  list: procedure(
    "GET",
    "/v1/projects",
    "system.view",
    "*",
    "Projects, what they use and what they may",
  ).output(List(Project)),
  limit: procedure(
    "PUT",
    "/v1/projects/{project}",
    "access.admin",
    "/access",
    "Limit what a project may have; what it has already stays",
  )
    .input(One.extend({ limits: ProjectLimits }))
    .output(z.object({})),
};
