import * as z from "zod";
import { NetworkMode } from "./network-mode.ts";

export const ReachKind = z.enum([
  "host-loopback",
  "host-address",
  "internet",
  "same-network",
  "other-network",
]);
export type ReachKind = z.infer<typeof ReachKind>;

/** One thing that was tried from inside a guest, beside what its mode promises. */
export const ReachProbe = z.object({
  kind: ReachKind,
  target: z.string().describe("An address and a port, or an instance; empty where there was none to try"),
  promised: z
    .enum(["reached", "not-reached", "open"])
    .describe("open: nothing is promised, and what is found is a warning where it is reached"),
  found: z.enum(["reached", "not-reached", "unknown"]),
  verdict: z.enum(["ok", "warning", "broken", "unknown"]),
  text: z.string().optional().describe("Why it is not known, or what makes it a warning"),
});
export type ReachProbe = z.infer<typeof ReachProbe>;

export const ReachReport = z.object({
  mode: NetworkMode.describe("What holds now"),
  probes: z.array(ReachProbe),
});
export type ReachReport = z.infer<typeof ReachReport>;

/** Where whatever is let out is likely to be answered; its name has to be resolved first. */
export const INTERNET = "cloud-images.ubuntu.com:443";

export const HostAndPort = z
  .string()
  .max(260)
  .regex(/^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?:\d{1,5}$/, "write HOST:PORT");
