/** What running guests use, pushed to whoever watches. */
import { METRICS_INTERVAL_MS, type Metrics } from "../../api/metrics.ts";
import type { Running } from "../drivers/running.ts";
import type { MetricsApi } from "../engine-core.ts";
import type { GuestAccess } from "../guest/guest.ts";
import { metricsOf, metricsScript, type Sample, SampleReader } from "../guest/metrics.ts";
import { GuestFeeds } from "./feeds.ts";

/** A container's runtime tells what it uses; of a VM only its guest knows. */
export class MetricsFeeds implements MetricsApi {
  readonly #feeds: GuestFeeds<Metrics>;
  readonly #statsOf: (name: string) => Running["stats"];

  /** Both throw where the instance is unknown, `guestOf` also where it does not run. */
  constructor(
    guestOf: (name: string) => GuestAccess,
    now: () => Date,
    statsOf: (name: string) => Running["stats"] = () => undefined,
  ) {
    this.#feeds = guestFeeds(guestOf, now);
    this.#statsOf = statsOf;
  }

  watch(name: string, signal: AbortSignal): AsyncIterable<Metrics> {
    return this.#statsOf(name)?.({ signal }) ?? this.#feeds.watch(name, signal);
  }
}

function guestFeeds(guestOf: (name: string) => GuestAccess, now: () => Date): GuestFeeds<Metrics> {
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
