/** `berth.yaml`: several instances described in one file. The published JSON schema is generated from this. */
import * as z from "zod";
import { DISK_NAME_PATTERN, DISK_NAME_RULE } from "./disk-rules.ts";
import { InstanceName } from "./instance-name.ts";
import { NAME_PATTERN } from "./names.ts";
import { NetworkMode } from "./network-mode.ts";
import { SnapshotName } from "./snapshot.ts";

const Size = z.string().regex(/^\d+(\.\d+)?\s*[KMGTkmgt](i?[Bb])?$/, {
  error: "not a valid size: write a number and a unit, such as 2G",
});

/** Of `ADDRESS:HOST:GUEST/udp`, whose form is checked already. */
function arePorts(text: string): boolean {
  const [numbers = ""] = text.split("/");
  return numbers
    .split(":")
    .slice(-2)
    .filter((part) => !part.includes("."))
    .every((part) => Number(part) >= 1 && Number(part) <= 65_535);
}

const Step = z
  .union([
    z.string().min(1).describe("A line for the guest's shell"),
    z.strictObject({
      run: z
        .union([z.string().min(1), z.array(z.string()).min(1)])
        .describe("A shell line, or a program with arguments"),
      always: z.boolean().optional().describe("At every `up`, not only until it has succeeded once"),
    }),
  ])
  .describe("Run in the guest, in the user's home, when the instance is ready");

export const ProjectInstance = z.strictObject({
  image: z
    .string()
    .min(1)
    .optional()
    .meta({
      description:
        "A release, an alias, a file:// or an https:// URL, or a container's as docker:, podman: or oci: and its name; the LTS when left out",
      examples: ["24.04", "noble", "lts", "debian", "docker:nginx:1.27"],
    }),
  cpus: z
    .int()
    .min(1)
    .max(512)
    .optional()
    .meta({ description: "Virtual CPUs", examples: [1, 2, 4] }),
  memory: Size.optional().meta({ description: "Memory of the guest", examples: ["1G", "2G", "4G"] }),
  disk: Size.optional().meta({
    description: "Its first disk; can be enlarged, never shrunk",
    examples: ["5G", "20G", "50G"],
  }),
  zone: z
    .string()
    .min(1)
    .optional()
    .meta({
      description: "Availability zone; the zones take turns when left out",
      examples: ["zone1", "zone2", "zone3"],
    }),
  disks: z
    .record(
      z.string().regex(DISK_NAME_PATTERN, { error: `not a valid name of a disk. ${DISK_NAME_RULE}` }),
      Size,
    )
    .optional()
    .describe("Disks beside its first one, by name: data: 10G. Added and enlarged, never removed or shrunk"),
  display: z
    .boolean()
    .optional()
    .describe("A screen, keyboard and pointer beside its SSH, from the launch on; it cannot be added later"),
  encrypted: z
    .boolean()
    .optional()
    .describe(
      "Its disks and its suspended memory, from the launch on; left out, as the engine's setting says",
    ),
  network: NetworkMode.optional().meta({
    description:
      "What it reaches: default, nat (no other instances), private:NAME (those of that network alone), isolated (nothing)",
    examples: ["nat", "private:team", "isolated"],
  }),
  networks: z
    .array(
      z
        .string()
        .min(1)
        .meta({ examples: ["bridged", "br0", "name=br0,mode=manual"] }),
    )
    .optional()
    .describe("NICs on networks of this host: NAME, bridged, or name=NAME,mode=auto|manual,mac=ADDRESS"),
  "cloud-init": z
    .string()
    .min(1)
    .optional()
    .meta({
      description: "cloud-init user-data in a file, relative to this one, or at an http(s) URL",
      examples: ["./cloud-init.yaml"],
    }),
  "user-data": z.string().min(1).optional().describe("cloud-init user-data, written here"),
  ports: z
    .array(
      z
        .string()
        .regex(/^((\d+\.\d+\.\d+\.\d+:)?\d{1,5}:)?\d{1,5}(\/(tcp|udp))?$/, {
          error: "not a valid port: write HOST:GUEST, such as 8080:80 or 53:53/udp",
        })
        .refine(arePorts, { error: "not a valid port: they go from 1 to 65535" })
        .meta({ examples: ["8080:80", "53:53/udp"] }),
    )
    .optional()
    .describe("Ports of this host that lead into the guest: 8080:80, 53:53/udp"),
  mounts: z
    .array(
      z
        .string()
        .min(1)
        .meta({ examples: ["./site:/srv/site"] }),
    )
    .optional()
    .describe("Directories of this host in the guest: SOURCE:TARGET, SOURCE relative to this file"),
  snapshot: SnapshotName.optional().describe(
    "A stopped instance begins from this snapshot of its own, if it has it; what it was is kept in another one",
  ),
  provision: z
    .array(Step)
    .optional()
    .describe("Steps that run in the guest once it is ready, each until it has succeeded"),
  "depends-on": z.array(InstanceName).optional().describe("Instances that have to be up first"),
});
export type ProjectInstance = z.infer<typeof ProjectInstance>;

export const Project = z.strictObject({
  instances: z
    .record(z.string().regex(NAME_PATTERN, { error: "not a valid instance name" }), ProjectInstance)
    .describe("By name"),
});
export type Project = z.infer<typeof Project>;
