/** What happens to an instance between its launch and its end, beyond power. Part of `instances`. */
import { SizeChange } from "../lifecycle.ts";
import { Operation } from "../operation.ts";
import { ByName, procedure } from "./procedure.ts";

export const lifecycle = {
  update: procedure("PATCH", "/v1/instances/{name}", "instance.config", "Change sizes of a stopped instance")
    .input(ByName.extend(SizeChange.shape))
    .output(Operation),
};
