import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EngineError } from "../../../src/base/errors.ts";
import { EventParser, readEvents } from "../../../src/client/sse.ts";

const parse = (...pieces: string[]) => {
  const parser = new EventParser();
  return pieces.flatMap((piece) => parser.push(piece));
};

describe("EventParser", () => {
  test("reads what the engine sends", () => {
    expect(parse(": \n\n", 'event: message\ndata: {"a":1}\n\n', "event: done\n\n")).toEqual([
      { event: "message", data: '{"a":1}' },
      { event: "done", data: "" },
    ]);
  });

  test("joins data lines, takes CRLF, one space, fields without a value and unknown fields", () => {
    expect(parse("data:  x\r\ndata\r\nretry: 3\r\nid: 7\r\n\r\n")).toEqual([
      { event: "message", data: " x\n" },
    ]);
  });

  test("does not depend on where the text is cut", () => {
    const line = fc.string({ unit: "grapheme" }).map((text) => text.replaceAll(/[\r\n]/g, " "));
    const event = fc.record({
      event: fc.constantFrom("message", "error", "other"),
      lines: fc.array(line, { minLength: 1 }),
    });
    fc.assert(
      fc.property(fc.array(event), fc.array(fc.nat(200)), (events, cuts) => {
        const text = events
          .map(({ event, lines }) => `event: ${event}\n${lines.map((line) => `data: ${line}\n`).join("")}\n`)
          .join("");
        const pieces: string[] = [];
        let rest = text;
        for (const cut of cuts) {
          pieces.push(rest.slice(0, cut));
          rest = rest.slice(cut);
        }
        const expected = events.map(({ event, lines }) => ({ event, data: lines.join("\n") }));
        expect(parse(...pieces, rest)).toEqual(expected);
      }),
    );
  });

  test("takes any text without failing", () => {
    fc.assert(fc.property(fc.array(fc.string()), (pieces) => void parse(...pieces)));
  });

  test("refuses an event that does not end", () => {
    const parser = new EventParser();
    const push = () => {
      for (let n = 0; n < 20; n += 1) parser.push(`data: ${"x".repeat(2 ** 20)}\n`);
    };
    expect(push).toThrow(/does not end/);
  });
});

describe("readEvents", () => {
  async function read(text: string, signal?: AbortSignal): Promise<unknown[]> {
    const body = new PassThrough();
    body.end(text);
    const values: unknown[] = [];
    for await (const value of readEvents(body, signal)) values.push(value);
    return values;
  }

  test("yields values until done", async () => {
    expect(await read("event: message\ndata: 1\n\nevent: done\n\nevent: message\ndata: 2\n\n")).toEqual([1]);
  });

  test("throws the engine's error with its hint", async () => {
    const body = { code: "busy", message: "cannot", data: { hint: "wait", details: { a: 1 } } };
    const error = (await read(`event: error\ndata: ${JSON.stringify(body)}\n\n`).catch(
      (e) => e,
    )) as EngineError;
    expect(error).toMatchObject({ code: "busy", message: "cannot", hint: "wait", details: { a: 1 } });
  });

  test("what is not JSON is a lost connection, not a crash", async () => {
    await expect(read("data: {\n\n")).rejects.toMatchObject({ code: "engine-unavailable" });
  });

  test("ends quietly when aborted", async () => {
    const body = new PassThrough();
    const stop = new AbortController();
    const events = readEvents(body, stop.signal);
    const next = events.next();
    stop.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(body.destroyed).toBe(true);
  });
});
