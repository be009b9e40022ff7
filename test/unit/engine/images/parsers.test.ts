/** What is read from outside: catalogs, manifests, checksum lists, headers. Hostile input gives an answer, never more. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { findChecksum } from "../../../../src/engine/images/checksum-list.ts";
import distributions from "../../../../src/engine/images/distributions.json" with { type: "json" };
import { parseManifest } from "../../../../src/engine/images/manifest.ts";
import { distance, nearMatches } from "../../../../src/engine/images/match.ts";
import { contentRange, rangeHeaders } from "../../../../src/engine/images/part.ts";
import { checkQcow2, fileKind } from "../../../../src/engine/images/qcow2.ts";
import { guessUser, parseReference } from "../../../../src/engine/images/reference.ts";
import { parseIndex, parseProducts } from "../../../../src/engine/images/simplestreams.ts";
import { isAllowedRedirect, isAllowedUrl, resolveWithin } from "../../../../src/engine/images/urls.ts";

const BASE = new URL("https://images.example/releases/");
const HASH = "a".repeat(64);

const product = (more: object = {}, item: object = {}) => ({
  products: {
    "p:24.04:amd64": {
      ...{
        aliases: "24.04,noble,default",
        arch: "amd64",
        release: "noble",
        release_title: "24.04 LTS",
        version: "24.04",
      },
      supported: true,
      versions: {
        "20240101": {
          items: { "disk1.img": { ftype: "disk1.img", path: "old.img", sha256: HASH, size: 5 } },
        },
        "20250101": {
          items: { "disk1.img": { ftype: "disk1.img", path: "new.img", sha256: HASH, size: 5, ...item } },
        },
      },
      ...more,
    },
  },
});
const parse = (value: unknown) => parseProducts(JSON.stringify(value), BASE, "release");

test("the newest version with a usable disk image is a product's image", () => {
  expect(parse(product()).images).toMatchObject([
    {
      name: "24.04",
      version: "20250101",
      url: "https://images.example/releases/new.img",
      sizeBytes: 5,
      user: "ubuntu",
    },
  ]);
  expect(parse(product()).images[0]?.aliases).toEqual(["noble", "default", "lts", "ubuntu"]);
  expect(parse(product({}, { sha256: "short" })).images[0]?.version).toBe("20240101");
});

test("a product that leads elsewhere or is malformed is left out, the others stay", () => {
  for (const path of [
    "../x.img",
    "/x.img",
    "https://evil.example/x.img",
    "a/../../x",
    "//evil.example/x",
    "a\\b",
    "%2e%2e/x",
    "x?y",
    "",
  ])
    expect(parse(product({}, { path })).images[0]?.version, path).toBe("20240101");
  const mixed = { products: { bad: { arch: 5 }, ...product().products, worse: null } };
  expect(parse(mixed)).toMatchObject({ skipped: 2, images: [{ name: "24.04" }] });
  expect(parse(product({ arch: "s390x" }))).toEqual({ images: [], skipped: 0 });
});

test("keys that mean something to JavaScript mean nothing here", () => {
  const text = `{"products":{"__proto__":{"polluted":true},"constructor":{},"toString":1},"__proto__":{"polluted":true}}`;
  expect(parseProducts(text, BASE, "release").images).toEqual([]);
  expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  expect(
    parseIndex(
      `{"index":{"__proto__":{"path":"../x"},"a":{"path":"streams/v1/com.x:y:download.json"}}}`,
      BASE,
    ),
  ).toEqual([new URL("streams/v1/com.x:y:download.json", "https://images.example/releases/")]);
});

test("any JSON is either a catalog or a SyntaxError", () => {
  const base = fc.oneof(
    fc.json(),
    fc.string(),
    fc.json().map((text) => `{"products":{"a":${text}}}`),
  );
  fc.assert(
    fc.property(base, (text) => {
      for (const read of [() => parseProducts(text, BASE, "daily"), () => parseIndex(text, BASE)]) {
        try {
          read();
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("whatever path a catalog names, what comes out lies below its base", () => {
  const part = fc.oneof(
    fc.constantFrom("..", ".", "", "%2e%2e", "\\", "http:", "//", "@", "a:b", "ä"),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), fc.constantFrom("/", ""), (parts, joiner) => {
      const url = resolveWithin(BASE, parts.join(joiner));
      if (!url) return;
      expect(url.href.startsWith(BASE.href)).toBe(true);
      expect(decodeURIComponent(url.pathname).split("/")).not.toContain("..");
    }),
    { numRuns: 2000 },
  );
});

test("only https is allowed, and plain http to this host", () => {
  const allowed = (text: string) => isAllowedUrl(new URL(text));
  for (const good of [
    "https://a.example/",
    "http://127.0.0.1:5/",
    "http://127.9.9.9/",
    "http://localhost/",
    "http://[::1]/",
  ])
    expect(allowed(good), good).toBe(true);
  for (const bad of [
    "http://a.example/",
    "ftp://a.example/",
    "file:///etc/passwd",
    "http://127.0.0.1.evil.example/",
    "http://0.0.0.0/",
    "https://u:p@a.example/",
    "http://localhost.evil/",
  ])
    expect(allowed(bad), bad).toBe(false);
  const redirect = (from: string, to: string) => isAllowedRedirect(new URL(from), new URL(to));
  expect(redirect("https://a.example/", "https://b.example/")).toBe(true);
  expect(redirect("https://a.example/", "http://a.example/")).toBe(false);
  expect(redirect("https://a.example/", "http://127.0.0.1/")).toBe(false);
  expect(redirect("http://127.0.0.1/", "http://localhost/")).toBe(true);
});

test("the bundled manifest is whole, and each of its images is found by its names", () => {
  const { images, skipped } = parseManifest(distributions);
  expect(skipped).toBe(0);
  expect(images.every((image) => image.url.startsWith("https://") && image.checksum)).toBe(true);
  const names = images.flatMap((image) =>
    [image.name, ...image.aliases].map((name) => `${name} ${image.arch}`),
  );
  expect(new Set(names).size).toBe(names.length);
  for (const name of [
    "debian",
    "debian:12",
    "debian-12",
    "bookworm",
    "fedora",
    "alpine",
    "rocky",
    "rocky:9",
    "arch",
    "opensuse",
    "almalinux",
    "centos",
  ])
    expect(names, name).toContain(`${name} x86_64`);
});

test("a manifest's bad entries are skipped", () => {
  const good = { os: "Good", release: "1", user: "good", images: { x86_64: { url: "https://a.example/x" } } };
  const bad = [
    null,
    { ...good, user: "root; rm" },
    { ...good, images: { x86_64: { url: "http://a.example/x" } } },
    { ...good, os: "a:b" },
  ];
  expect(parseManifest({ schema: 1, distributions: [...bad, good] })).toMatchObject({
    skipped: 4,
    images: [{ name: "good:1" }],
  });
  expect(() => parseManifest({ schema: 2, distributions: [] })).toThrow(SyntaxError);
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue()),
      (entries) => void parseManifest({ schema: 1, distributions: entries }),
    ),
  );
});

test("checksums are found in every form that distributions use", () => {
  const other = "b".repeat(64);
  const list = [
    "-----BEGIN PGP SIGNED MESSAGE-----",
    "# x.qcow2: 123 bytes",
    `SHA256 (other.qcow2) = ${other}`,
    `SHA256 (x.qcow2) = ${HASH.toUpperCase()}`,
    "-----BEGIN PGP SIGNATURE-----",
  ];
  const found = { algorithm: "sha256", hex: HASH };
  expect(findChecksum(list.join("\n"), "x.qcow2", "sha256")).toEqual(found);
  expect(findChecksum(`${other}  y\n${HASH} *x.qcow2\n`, "x.qcow2", "sha256")).toEqual(found);
  expect(findChecksum(`${HASH}  ./images/x.qcow2\r\n`, "x.qcow2", "sha256")).toEqual(found);
  expect(findChecksum(`${HASH}\n`, "x.qcow2", "sha256")).toEqual(found);
  expect(findChecksum(`${HASH}\n${other}\n`, "x.qcow2", "sha256")).toBeUndefined();
  expect(findChecksum(`${HASH}  x.qcow2\n`, "x.qcow2", "sha512")).toBeUndefined();
  expect(findChecksum(`${HASH}  xx.qcow2\n`, "x.qcow2", "sha256")).toBeUndefined();
});

test("references mean names, files and addresses", () => {
  expect(parseReference(" Noble ")).toEqual({ kind: "name", remote: undefined, name: "noble" });
  expect(parseReference("daily:26.04")).toEqual({ kind: "name", remote: "daily", name: "26.04" });
  expect(parseReference("release:")).toEqual({ kind: "name", remote: "release", name: "default" });
  expect(parseReference("debian:12")).toEqual({ kind: "name", remote: undefined, name: "debian:12" });
  expect(parseReference("/a/../b.img")).toEqual({ kind: "file", path: "/b.img", checksum: undefined });
  expect(parseReference("file:///a%20b.img")).toEqual({
    kind: "file",
    path: "/a b.img",
    checksum: undefined,
  });
  expect(parseReference(`https://a.example/x#sha256:${HASH}`)).toEqual({
    ...{ kind: "url", url: "https://a.example/x" },
    checksum: { algorithm: "sha256", hex: HASH },
  });
  for (const bad of [
    "",
    "http://a.example/x",
    "ftp://a.example/x",
    "file://host/x",
    "https://a.example/x#sha256:12",
    "a\nb",
  ])
    expect(() => parseReference(bad), bad).toThrow(/^cannot use image/);
});

test("any reference is understood or refused in words", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.webUrl(),
        fc.string().map((text) => `file:///${text}`),
      ),
      (text) => {
        try {
          parseReference(text);
        } catch (error) {
          expect(error).toMatchObject({ name: "EngineError", code: "invalid-argument" });
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test("the login is guessed from an image's name", () => {
  expect(guessUser("debian-12-generic.qcow2")).toBe("debian");
  expect(guessUser("openSUSE-Leap.qcow2")).toBe("opensuse");
  expect(guessUser("Arch-Linux-x86_64.qcow2")).toBe("arch");
  expect(guessUser("search.img")).toBe("ubuntu");
});

test("near names come nearest first", () => {
  expect(nearMatches(["noble", "jammy", "focal"], "nobel")).toEqual(["noble"]);
  expect(nearMatches(["debian", "debian:12", "fedora"], "debain")).toEqual(["debian"]);
  expect(nearMatches(["a", "b"], "zzzzzz")).toEqual([]);
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      expect(distance(a, b)).toBe(distance(b, a));
      expect(distance(a, b) === 0).toBe(a === b);
      expect(distance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
  );
});

test("a range is asked for only where two files cannot be mixed", () => {
  const record = { url: "https://a.example/x" };
  expect(rangeHeaders(0, record, false)).toEqual({});
  expect(rangeHeaders(5, { ...record, etag: '"e"' }, false)).toEqual({
    range: "bytes=5-",
    "if-range": '"e"',
  });
  expect(rangeHeaders(5, { ...record, etag: 'W/"e"' }, false)).toBeUndefined();
  expect(rangeHeaders(5, { ...record, etag: 'W/"e"', lastModified: "then" }, false)).toMatchObject({
    "if-range": "then",
  });
  expect(rangeHeaders(5, undefined, true)).toEqual({ range: "bytes=5-" });
  const range = (text: string) => contentRange(new Response(null, { headers: { "content-range": text } }));
  expect(range("bytes 5-9/10")).toEqual({ start: 5, total: 10 });
  expect(range("bytes */10")).toEqual({ total: 10 });
  expect(range("bytes 5-9/*")).toEqual({ start: 5 });
  expect(range("lines 1-2/3")).toBeUndefined();
});

/** A version 3 header as QEMU writes it for an empty 1 MiB disk. */
function header(): Buffer {
  const head = Buffer.alloc(512);
  head.writeUInt32BE(0x514649fb, 0);
  head.writeUInt32BE(3, 4);
  head.writeUInt32BE(16, 20);
  head.writeBigUInt64BE(2n ** 20n, 24);
  head.writeUInt32BE(104, 100);
  return head;
}

test("a qcow2 header that leads outside is refused by our own reading", () => {
  expect(checkQcow2(header())).toEqual({ version: 3, virtualBytes: 2 ** 20 });
  const changed = (change: (head: Buffer) => void) => {
    const head = header();
    change(head);
    return checkQcow2(head);
  };
  expect(changed((head) => head.writeBigUInt64BE(512n, 8))).toMatch(/another file below/);
  expect(changed((head) => head.writeUInt32BE(5, 16))).toMatch(/another file below/);
  expect(changed((head) => head.writeUInt32BE(2, 32))).toMatch(/encrypted/);
  expect(changed((head) => head.writeBigUInt64BE(4n, 72))).toMatch(/data is in another file/);
  expect(changed((head) => head.writeBigUInt64BE(2n, 72))).toMatch(/corrupt/);
  expect(changed((head) => head.writeBigUInt64BE(1n << 40n, 72))).toMatch(/not known/);
  expect(changed((head) => head.writeBigUInt64BE(0n, 24))).toMatch(/0 bytes/);
  expect(changed((head) => head.writeUInt32BE(4, 4))).toMatch(/version 4/);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      const head = Buffer.from(bytes);
      fileKind(head);
      if (head.length > 4) head.writeUInt32BE(0x514649fb, 0);
      checkQcow2(head);
    }),
    { numRuns: 1000 },
  );
});

test("files are told apart by their first bytes", () => {
  const iso = Buffer.alloc(0x9000);
  iso.write("CD001", 0x8001, "latin1");
  iso.writeUInt16LE(0xaa55, 510);
  expect(fileKind(iso)).toBe("iso");
  expect(fileKind(Buffer.from("KDMV....."))).toBe("other-disk");
  expect(fileKind(Buffer.from("<html><body>"))).toBe("unknown");
  expect(fileKind(Buffer.alloc(0))).toBe("unknown");
});
