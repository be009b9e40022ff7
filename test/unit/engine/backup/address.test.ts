import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EngineError } from "../../../../src/base/errors.ts";
import {
  formatAddress,
  type PlaceAddress,
  parseAddress,
} from "../../../../src/engine/backup/places/address.ts";

const parsed = (text: string, platform: NodeJS.Platform = "linux") => parseAddress(text, platform).address;

function failure(text: string, platform: NodeJS.Platform = "linux"): EngineError {
  try {
    parseAddress(text, platform);
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  throw new Error(`${text} was taken`);
}

describe("the address of a place", () => {
  test.each<[string, PlaceAddress]>([
    ["/srv/x", { kind: "folder", path: "/srv/x" }],
    ["  /srv//x/ ", { kind: "folder", path: "/srv/x" }],
    ["local:/srv/x", { kind: "folder", path: "/srv/x" }],
    ["/", { kind: "folder", path: "/" }],
    ["sftp:me@host:/srv/x", { kind: "sftp", host: "host", user: "me", path: "/srv/x" }],
    ["sftp:host:x/", { kind: "sftp", host: "host", path: "x" }],
    ["sftp:me@corp@host:x", { kind: "sftp", host: "host", user: "me@corp", path: "x" }],
    ["sftp:[fe80::1%eth0]:/x", { kind: "sftp", host: "fe80::1%eth0", path: "/x" }],
    ["sftp://me@host:2222//srv/x", { kind: "sftp", host: "host", port: 2222, user: "me", path: "/srv/x" }],
    ["sftp://me@host/x%20y", { kind: "sftp", host: "host", user: "me", path: "x y" }],
    ["sftp://[::1]:22//x", { kind: "sftp", host: "::1", port: 22, path: "/x" }],
    ["rest:https://host:8000/x/", { kind: "rest", url: "https://host:8000/x" }],
    ["rest:http://HOST/", { kind: "rest", url: "http://host" }],
    ["s3:host/bucket/a/b/", { kind: "s3", endpoint: "https://host", bucket: "bucket", prefix: "a/b" }],
    ["s3://host/bucket", { kind: "s3", endpoint: "https://host", bucket: "bucket", prefix: "" }],
    [
      "s3:host:9000/bucket/50%",
      { kind: "s3", endpoint: "https://host:9000", bucket: "bucket", prefix: "50%" },
    ],
    ["s3:http://host/bucket/a%20b", { kind: "s3", endpoint: "http://host", bucket: "bucket", prefix: "a b" }],
  ])("%s", (text, address) => {
    expect(parsed(text)).toEqual(address);
    expect(parsed(formatAddress(address))).toEqual(address);
  });

  test.each<[string, string]>([
    ["C:\\Backups\\", "C:\\Backups"],
    ["c:/Backups/x", "c:\\Backups\\x"],
    ["C:\\", "C:\\"],
    ["\\\\server\\share\\x", "\\\\server\\share\\x"],
    ["local:D:\\x", "D:\\x"],
  ])("%s on Windows", (text, path) => {
    expect(parsed(text, "win32")).toEqual({ kind: "folder", path });
    expect(parsed(path, "win32")).toEqual({ kind: "folder", path });
  });

  test("gives a password by itself, and never says it", () => {
    const { address, password } = parseAddress("rest:https://me:p%40ss@host:8000/x", "linux");
    expect(address).toEqual({ kind: "rest", url: "https://host:8000/x", user: "me" });
    expect(password?.reveal()).toBe("p@ss");
    expect(formatAddress(address)).toBe("rest:https://me@host:8000/x");
    for (const text of [
      "rest:https://me:hunter2@host/x?y",
      "rest:ftp://me:hunter2@host/x",
      "sftp://me:hunter2@host/x",
      "s3:https://key:hunter2@host/bucket",
      "s3:key:hunter2@host/bucket",
      "https://me:hunter2@host/x",
      "b2:me:hunter2@host",
    ]) {
      const { message, hint } = failure(text);
      expect(`${message} ${hint}`).not.toContain("hunter2");
    }
  });

  test.each([
    ["", "it is empty"],
    ["backups", "neither a whole path nor"],
    ["./backups", "neither a whole path nor"],
    ["local:backups", "needs its whole path"],
    ["C:\\x", "neither a whole path nor"],
    ["/srv/\0x", "cannot be printed"],
    ["https://host/x", "which kind of server"],
    ["sftp:host", "no path"],
    ["sftp::/x", "host is missing"],
    ["sftp:-oProxyCommand=x:/x", "host is missing"],
    ["sftp:-l@host:/x", "user cannot be"],
    ["sftp:host:~/x", "do not know ~"],
    ["sftp://host:0/x", "port is none"],
    ["sftp://host:99999/x", "port is none"],
    ["sftp://me:secret@host/x", "no password"],
    ["rest:host:8000/x", "server's address is none"],
    ["rest:https://:p@host/x", "a password, but no user"],
    ["rest:https://host/x?y=1", "question mark"],
    ["s3:host", "no bucket"],
    ["s3:host/b", "cannot be a bucket's name"],
    ["s3:host/bucket/../../x", "out of the bucket"],
    ["s3:http://host/bucket/%zz", "percent sign"],
  ])("%s is refused in words", (text, words) => {
    const error = failure(text);
    expect(error).toMatchObject({ code: "invalid-argument" });
    expect(error.message).toContain(words);
    expect(error.message).toMatch(/^cannot use /);
    expect(error.hint).toBeTruthy();
  });

  test("kinds of places that restic alone knows are named", () => {
    expect(failure("b2:bucket:x")).toMatchObject({ code: "not-supported" });
    expect(failure("rclone:x:y").message).toContain("the kind rclone");
  });

  const part = fc
    .stringMatching(/^[^/\p{Cc}~]{1,12}$/u)
    .filter((text) => !/^\.{1,2}$|^\s|\s$/u.test(text) && text.isWellFormed());
  const below = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
  const host = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}(\.[a-z][a-z0-9-]{0,5}){0,2}$/);
  const user = fc.option(
    fc.stringMatching(/^[^\s:/\p{Cc}-][^\s:/\p{Cc}]{0,10}$/u).filter((text) => text.isWellFormed()),
    { nil: undefined },
  );
  const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
  const without = <T extends object>(record: T): T =>
    Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
  const address: fc.Arbitrary<PlaceAddress> = fc.oneof(
    below.map((text) => ({ kind: "folder" as const, path: `/${text}` })),
    fc
      .record({
        kind: fc.constant("sftp" as const),
        host,
        port,
        user,
        path: fc.tuple(fc.constantFrom("", "/"), below).map((texts) => texts.join("")),
      })
      .map(without),
    fc
      .record({
        kind: fc.constant("rest" as const),
        url: fc
          .tuple(fc.constantFrom("http", "https"), host, below)
          .map(
            ([scheme, at, text]) =>
              new URL(
                encodeURI(`${scheme}://${at}:8000/`) + text.split("/").map(encodeURIComponent).join("/"),
              ).href,
          ),
        user,
      })
      .map(without),
    fc.record({
      kind: fc.constant("s3" as const),
      endpoint: fc
        .tuple(fc.constantFrom("http", "https"), host)
        .map(([scheme, at]) => `${scheme}://${at}:9000`),
      bucket: fc.stringMatching(/^[a-z0-9][a-z0-9-]{1,20}[a-z0-9]$/),
      prefix: fc.oneof(fc.constant(""), below),
    }),
  );

  test("of any kind comes back as it was written", () => {
    fc.assert(
      fc.property(address, (each) => {
        expect(parsed(formatAddress(each))).toEqual(each);
      }),
    );
  });

  test("is parsed, or refused in words, whatever is typed", () => {
    const scheme = fc.constantFrom(
      "",
      "/",
      "sftp:",
      "sftp://",
      "rest:",
      "rest:http://",
      "s3:",
      "s3:https://",
      "C:\\",
    );
    fc.assert(
      fc.property(
        scheme,
        fc.string({ unit: "binary" }),
        fc.constantFrom<NodeJS.Platform>("linux", "win32"),
        (start, text, platform) => {
          try {
            const { address: each } = parseAddress(start + text, platform);
            expect(parsed(formatAddress(each), platform)).toEqual(each);
          } catch (error) {
            if (!(error instanceof EngineError)) throw error;
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
