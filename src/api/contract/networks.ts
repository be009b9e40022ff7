/** The host's own networks. */
import { HostNetwork } from "../network.ts";
import { List, procedure } from "./procedure.ts";

export const networks = {
  list: procedure("GET", "/v1/networks", "system.view", "Network interfaces of the engine's host").output(
    List(HostNetwork),
  ),
};
