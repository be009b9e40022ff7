/** What servers answer, in the cases that the real ones of the contract's tests are never in. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Secret } from "../../../../src/base/secret.ts";
import type { Place } from "../../../../src/engine/backup/places/place.ts";
import { RestPlace } from "../../../../src/engine/backup/places/rest.ts";
import type { Patience } from "../../../../src/engine/backup/places/retry.ts";
import { S3Place } from "../../../../src/engine/backup/places/s3.ts";
import { ctx } from "../../../contract/driver.ts";
import { fileOf, listed } from "../../../contract/place.ts";

const patience: Patience = { firstMs: 1, longestMs: 2, forMs: 300, silentMs: 5_000 };
const bytes = Buffer.from("a pack of bytes");
const file = fileOf("data", bytes);

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
type Served = { place: Place; asked: IncomingMessage[] };

/** Answers by these in turn, and by the last for good. */
async function served(kind: "rest" | "s3", ...answers: Answer[]): Promise<Served> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)];
    asked.push(request);
    request.resume().once("end", () => answer?.(request, response));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const keys = { accessKeyId: "key", secretAccessKey: new Secret("secret") };
  const place =
    kind === "rest"
      ? new RestPlace({ kind, url: `${url}/one` }, { patience })
      : new S3Place({ kind, endpoint: url, bucket: "bucket", prefix: "one" }, { keys, patience });
  onTestFinished(() => {
    place.dispose();
    server.closeAllConnections();
    server.close();
  });
  return { place, asked };
}

const status =
  (code: number, headers: Record<string, string> = {}, body = ""): Answer =>
  (_request, response) =>
    void response.writeHead(code, headers).end(body);

const xml = (code: number, words: string): Answer =>
  status(code, { "content-type": "application/xml" }, `<?xml version="1.0"?><Error>${words}</Error>`);

test.each([
  ["rest", 500, 2],
  ["rest", 503, 2],
  ["rest", 429, 2],
  ["s3", 500, 2],
  ["s3", 503, 2],
] as const)("%s: %d is asked again", async (kind, code, times) => {
  const ok = status(200, {}, "whole");
  const { place, asked } = await served(kind, status(code), ok);
  expect(Buffer.from(await place.load(ctx(), file)).toString()).toBe("whole");
  expect(asked).toHaveLength(times);
});

test.each([
  ["rest", 401, "unauthenticated"],
  ["rest", 403, "permission-denied"],
  ["rest", 404, "not-found"],
  ["rest", 413, "no-resources"],
  ["rest", 507, "no-resources"],
  ["rest", 302, "not-supported"],
  ["rest", 418, "not-supported"],
  ["rest", 501, "not-supported"],
  ["s3", 403, "permission-denied"],
  ["s3", 507, "no-resources"],
  ["s3", 404, "not-found"],
] as const)("%s: %d is asked once, and is %s", async (kind, code, meaning) => {
  const { place, asked } = await served(kind, status(code, { location: "http://elsewhere/" }));
  const error = await place.load(ctx(), file).catch((caught) => caught);
  expect(error).toMatchObject({ code: meaning, hint: expect.any(String) });
  expect(error.message).toMatch(/^cannot read from (rest|s3):http:\/\/127\.0\.0\.1:\d+\/\S+: \w/);
  expect(asked).toHaveLength(1);
});

test.each([
  ["SlowDown", 503, "", undefined],
  ["RequestTimeout", 400, "", undefined],
  ["InternalError", 500, "", undefined],
  ["RequestTimeTooSkewed", 403, "", "unauthenticated"],
  ["ExpiredToken", 400, "", "unauthenticated"],
  ["QuotaExceeded", 403, "", "no-resources"],
  ["EntityTooLarge", 400, "", "no-resources"],
  ["AccessDenied", 403, "<Message>not &#60;you&gt;</Message>", "permission-denied"],
] as const)("S3's %s", async (code, number, more, meaning) => {
  const { place, asked } = await served("s3", xml(number, `<Code>${code}</Code>${more}`), status(200));
  if (meaning === undefined) {
    await place.save(ctx(), file, bytes);
    expect(asked.length).toBeGreaterThan(1);
  } else {
    const error = await place.save(ctx(), file, bytes).catch((caught) => caught);
    expect(error).toMatchObject({ code: meaning });
    if (more) expect(error.message).toContain("AccessDenied: not <you>");
    expect(asked).toHaveLength(1);
  }
});

test("a server that asks to be left alone for long is not waited for", async () => {
  const { place, asked } = await served("rest", status(503, { "retry-after": "3600" }));
  await expect(place.load(ctx(), file)).rejects.toMatchObject({ code: "place-unreachable" });
  expect(asked).toHaveLength(1);
});

test("an upload whose answer was lost is not sent again", async () => {
  for (const kind of ["rest", "s3"] as const) {
    const there: Answer = (request, response) => {
      const range = /^bytes=(\d+-\d+)$/.exec(request.headers.range ?? "")?.[1];
      response.writeHead(206, { "content-range": `bytes ${range}/${bytes.length}` }).end("a");
    };
    const { place, asked } = await served(kind, (request) => request.socket.destroy(), there);
    await place.save(ctx(), file, bytes);
    expect(asked.map(({ method }) => method)).toEqual([kind === "rest" ? "POST" : "PUT", "GET"]);
  }
});

test("a server that keeps what it has refuses what is there already, and that is no fault", async () => {
  const total = String(bytes.length);
  const size = status(200, { "content-length": total });
  const { place } = await served("rest", status(403), size);
  await place.save(ctx(), file, bytes);
  const { place: other } = await served("rest", status(403), status(404));
  await expect(other.save(ctx(), file, bytes)).rejects.toMatchObject({ code: "permission-denied" });
});

test.each<[string, Answer]>([
  ["a whole file", status(200, {}, "0123456789")],
  ["more than was asked for", status(206, { "content-range": "bytes 0-9/10" }, "0123456789")],
  ["what was asked for", status(206, { "content-range": "bytes 2-4/10" }, "234")],
])("a part of a file is right where the server sends %s", async (_what, answer) => {
  const { place } = await served("rest", answer);
  const part = await place.load(ctx(), file, { offset: 2, lengthBytes: 3 });
  expect(Buffer.from(part).toString()).toBe("234");
});

test("a part that begins elsewhere is none", async () => {
  const { place } = await served("rest", status(206, { "content-range": "bytes 4-6/10" }, "456"));
  await expect(place.load(ctx(), file, { offset: 2, lengthBytes: 3 })).rejects.toMatchObject({
    code: "not-found",
  });
});

test.each<[string, "rest" | "s3", Answer]>([
  ["a page for people", "rest", status(200, { "content-type": "text/html" }, "<html>")],
  ["version 1", "rest", status(200, { "content-type": "application/vnd.x.restic.rest.v1" }, "[]")],
  [
    "no sizes",
    "rest",
    status(200, { "content-type": "application/vnd.x.restic.rest.v2" }, `[{"name":"${"a".repeat(64)}"}]`),
  ],
  ["a page for people", "s3", status(200, {}, "<html>")],
  ["a page without an end", "s3", status(200, {}, "<ListBucketResult><IsTruncated>true</IsTruncated>")],
  [
    "the same page for ever",
    "s3",
    status(
      200,
      {},
      "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>",
    ),
  ],
])("a list that is %s is refused (%s)", async (_what, kind, answer) => {
  const { place } = await served(kind, answer);
  await expect(listed(place, "data")).rejects.toMatchObject({ code: "not-supported" });
});
