/** What a `berth.yaml` would touch on this host, so that it can be told before anything is trusted. Pure. */
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Project, ProjectInstance } from "../../api/project.ts";
import { parseNetwork } from "../network-text.ts";
import { mountsOf, portOf } from "./plan.ts";

export type Touch =
  | { kind: "mount"; instance: string; source: string; target: string }
  /** `exposed`: others than this host may connect. */
  | { kind: "port"; instance: string; address: string; port: string; exposed: boolean }
  | { kind: "user-data"; instance: string; from: string }
  | { kind: "image"; instance: string; from: string }
  | { kind: "network"; instance: string; network: string };

/** In the order of the file. What happens inside the guest, such as its provisioning, touches nothing here. */
export function touchesOf({ instances }: Project, directory: string): Touch[] {
  return Object.entries(instances).flatMap(([instance, wanted]) => touchesOfOne(instance, wanted, directory));
}

function touchesOfOne(instance: string, wanted: ProjectInstance, directory: string): Touch[] {
  const { image, networks = [], ports = [] } = wanted;
  return [
    ...mountsOf(wanted, directory).map(({ source, target }): Touch => {
      return { kind: "mount", instance, source, target: target ?? path.basename(source) };
    }),
    ...ports.map((text): Touch => ({ kind: "port", instance, ...portTouch(text) })),
    ...networks.map((text): Touch => ({ kind: "network", instance, network: parseNetwork(text).network })),
    ...userDataTouch(instance, wanted["cloud-init"], directory),
    ...(image !== undefined && /^(file|https?):/i.test(image)
      ? [{ kind: "image" as const, instance, from: localPath(image) }]
      : []),
  ];
}

/** Left out, the address is this host's loopback. */
function portTouch(text: string): { address: string; port: string; exposed: boolean } {
  const { hostAddress = "127.0.0.1", hostPort, guestPort, protocol = "tcp" } = portOf(text);
  const exposed = !hostAddress.startsWith("127.");
  return { address: hostAddress, port: `${hostPort ?? guestPort}/${protocol}`, exposed };
}

function userDataTouch(instance: string, from: string | undefined, directory: string): Touch[] {
  if (from === undefined) return [];
  const isUrl = /^https?:\/\//i.test(from);
  return [{ kind: "user-data", instance, from: isUrl ? from : path.resolve(directory, from) }];
}

function localPath(image: string): string {
  if (!/^file:/i.test(image)) return image;
  try {
    return fileURLToPath(image);
  } catch {
    return image; // No path of this platform; the launch will say so.
  }
}
