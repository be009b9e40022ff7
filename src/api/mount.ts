import * as z from "zod";

/** A user, or a group, of this host and who that is in the guest. */
export const IdMapping = z.object({
  host: z.int().min(0).max(0xffff_fffe),
  guest: z.int().min(-1).max(0xffff_fffe).describe("-1: the user whom the instance is entered as"),
});
export type IdMapping = z.infer<typeof IdMapping>;

export const MountType = z
  .enum(["classic", "native"])
  .describe("classic: over SSH, at any time; native: by the hypervisor, quicker, from the next start on");
export type MountType = z.infer<typeof MountType>;

/** A directory of this host that the guest sees whenever it runs. */
export const Mount = z.object({
  source: z.string().describe("Absolute path on this host"),
  target: z.string().describe("Path in the guest; a relative one lies in the home of the instance's user"),
  type: MountType,
  uids: z.array(IdMapping),
  gids: z.array(IdMapping),
});
export type Mount = z.infer<typeof Mount>;

/** Without a target the source's own last name in the user's home is taken; without maps the owner becomes the user. */
export const NewMount = z.object({
  source: z.string().min(1).max(4096),
  target: z.string().min(1).max(4096).optional(),
  type: MountType.default("classic"),
  uids: z.array(IdMapping).max(100).optional(),
  gids: z.array(IdMapping).max(100).optional(),
});
export type NewMount = z.input<typeof NewMount>;
