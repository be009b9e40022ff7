/** What running guests use, pushed to whoever watches. */
import { METRICS_INTERVAL_MS, type Metrics } from "../../api/metrics.ts";
import type { GuestAccess } from "../guest/guest.ts";
import { metricsOf, metricsScript, type Sample, SampleReader } from "../guest/metrics.ts";
import { GuestFeeds } from "./feeds.ts";

/** `guestOf` throws where the instance is unknown or does not run. */
export function metricsFeeds(guestOf: (name: string) => GuestAccess, now: () => Date): GuestFeeds<Metrics> {
  return new GuestFeeds(guestOf, {
    script: metricsScript(METRICS_INTERVAL_MS),
    reader: () => {
      const samples = new SampleReader();
      let before: Sample | undefined;
      const next = (sample: Sample) => {
        const metrics = metricsOf(sample, before, now());
        before = sample;
        return metrics;
      };
      return { push: (chunk) => samples.push(chunk).map(next) };
    },
  });
}
