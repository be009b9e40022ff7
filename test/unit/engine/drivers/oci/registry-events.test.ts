import { Readable } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  eventsIn,
  LayerProgress,
  registryError,
} from "../../../../../src/engine/drivers/oci/registry-events.ts";

const read = async (chunks: (string | Buffer)[]) => {
  const events = [];
  for await (const event of eventsIn(Readable.from(chunks.map((chunk) => Buffer.from(chunk)))))
    events.push(event);
  return events;
};

test("events come out as they were, however the bytes are cut", async () => {
  const event = fc.record({ status: fc.string(), id: fc.string({ unit: "binary" }) });
  await fc.assert(
    fc.asyncProperty(fc.array(event), fc.array(fc.nat(30)), async (events, cuts) => {
      const bytes = Buffer.from(events.map((each) => `${JSON.stringify(each)}\r\n`).join(""));
      const chunks: Buffer[] = [];
      let at = 0;
      for (const cut of cuts) {
        chunks.push(bytes.subarray(at, at + cut + 1));
        at += cut + 1;
      }
      chunks.push(bytes.subarray(at));
      expect(await read(chunks)).toEqual(events.map((each) => JSON.parse(JSON.stringify(each))));
    }),
  );
});

test("what is no object is passed over, and a line without an end is not kept", async () => {
  const endless = Array.from({ length: 40 }, () => "x".repeat(64 * 1024));
  expect(await read(["\n1\nnull\n{\n", ...endless, '\n{"status":"on"}'])).toEqual([{ status: "on" }]);
});

test("the layers of a pull are summed up, each with its own state", () => {
  const progress = new LayerProgress();
  expect(progress.take({ status: "Pulling from team/app", id: "1" })).toBeUndefined();
  progress.take({ status: "Already exists", id: "a" });
  progress.take({ status: "Pulling fs layer", id: "b" });
  expect(progress.take({ status: "Waiting", id: "c" })).toMatchObject({ done: 0, message: "1 of 3 layers" });
  const half = progress.take({ status: "Downloading", id: "b", progressDetail: { current: 50, total: 100 } });
  expect(half).toMatchObject({ phase: "download", done: 50, message: "1 of 3 layers" });
  expect(half?.total).toBeUndefined(); // The size of c is not known yet.
  const all = progress.take({ status: "Downloading", id: "c", progressDetail: { current: 20, total: 40 } });
  expect(all).toMatchObject({ done: 70, total: 140 });
  progress.take({ status: "Download complete", id: "b" });
  expect(
    progress.take({ status: "Extracting", id: "b", progressDetail: { current: 1, total: 100 } }),
  ).toMatchObject({
    done: 120,
    parts: [
      { id: "a", state: "done", done: 0 },
      { id: "b", state: "unpacking", done: 100, total: 100 },
      { id: "c", state: "moving", done: 20, total: 40 },
    ],
  });
  expect(progress.take({ status: "Retrying in 5 seconds", id: "c" })?.parts?.[2]).toMatchObject({
    state: "waiting",
  });
  expect(progress.take({ status: "Pull complete", id: "b" })?.message).toBe("2 of 3 layers");
  expect(progress.take({ status: "Status: Downloaded newer image" })).toBeUndefined();
  expect(progress.finish()).toMatchObject({ done: 140, total: 140, message: "3 of 3 layers" });
  expect(new LayerProgress().finish()).toBeUndefined();
});

test.each([
  ["toomanyrequests: You have reached your pull rate limit", "download-failed", "rate-limited"],
  ["received unexpected HTTP status: 429 Too Many Requests", "download-failed", "rate-limited"],
  ["filesystem layer verification failed for digest sha256:12", "download-failed", "digest-mismatch"],
  ["Digest did not match, expected sha256:1, got sha256:2", "download-failed", "digest-mismatch"],
  [
    "pull access denied for x, repository does not exist or may require 'docker login'",
    "not-found",
    undefined,
  ],
  ["Get http://h/v2/x: no basic auth credentials", "unauthenticated", undefined],
  ["unauthorized: authentication required", "unauthenticated", undefined],
  ["manifest for h/x:9 not found: manifest unknown: manifest unknown", "not-found", undefined],
  ["no matching manifest for linux/arm64/v8 in the manifest list entries", "not-supported", undefined],
  ["write /var/lib/x: no space left on device", "no-resources", undefined],
  ["unexpected EOF", "download-failed", "connection"],
  ["dial tcp 127.0.0.1:1: connect: connection refused", "download-failed", "connection"],
  ["something else", "download-failed", undefined],
])("%s is %s %s", (words, code, reason) => {
  const error = registryError("pull x:1", words);
  expect(error).toMatchObject({ code, message: `cannot pull x:1: ${words}` });
  expect(error.details?.["reason"]).toBe(reason);
});
