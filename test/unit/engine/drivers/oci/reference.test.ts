import fc from "fast-check";
import { expect, test } from "vitest";
import {
  formatImageReference,
  isImageId,
  parseImageReference,
  repositoryOf,
} from "../../../../../src/engine/drivers/oci/reference.ts";

const HEX = "0123456789abcdef".repeat(4);

test.each([
  ["nginx", undefined, "nginx", "latest", undefined],
  ["nginx:1.27", undefined, "nginx", "1.27", undefined],
  ["team/app", undefined, "team/app", "latest", undefined],
  ["localhost/app:1", "localhost", "app", "1", undefined],
  ["host:5000/app", "host:5000", "app", "latest", undefined],
  ["registry.example/team/app:V_1.2-rc", "registry.example", "team/app", "V_1.2-rc", undefined],
  ["[::1]:5000/a/b_c__d.e--f", "[::1]:5000", "a/b_c__d.e--f", "latest", undefined],
  [`app@sha256:${HEX}`, undefined, "app", undefined, `sha256:${HEX}`],
  // A digest says which one it is; Podman takes no tag beside it.
  [`app:1@sha256:${HEX}`, undefined, "app", undefined, `sha256:${HEX}`],
])("%s", (text, domain, path, tag, digest) => {
  expect(parseImageReference(text)).toEqual({ domain, path, tag, digest });
});

test.each([
  "",
  ":1",
  "app:",
  "App",
  "a//b",
  "-app",
  "app/",
  "app:.hidden",
  `app:${"x".repeat(129)}`,
  "app@sha256:12",
  `app@md5:${HEX}`,
  "host:999999/app",
  "a b",
  "app\n",
  "../../etc/passwd",
  "app?query",
  `${"a".repeat(256)}`,
  "https://host/app",
])("%j is no reference", (text) => {
  expect(() => parseImageReference(text)).toThrow(
    expect.objectContaining({
      code: "invalid-argument",
      message: expect.stringMatching(/^cannot use image /),
    }),
  );
});

const component = fc.stringMatching(/^[a-z0-9]{1,8}((\.|_|__|-{1,2})[a-z0-9]{1,5}){0,2}$/);
const domain = fc.option(fc.stringMatching(/^([a-z0-9]{1,6}\.[a-z]{2,5}|localhost)(:[1-9][0-9]{0,3})?$/), {
  nil: undefined,
});
const version = fc.oneof(
  fc.stringMatching(/^\w[\w.-]{0,20}$/).map((tag) => ({ tag, digest: undefined })),
  fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => ({ tag: undefined, digest: `sha256:${hex}` })),
);

test("what is written is read as it was", () => {
  fc.assert(
    fc.property(
      domain,
      fc.array(component, { minLength: 1, maxLength: 4 }),
      version,
      (host, parts, which) => {
        const path = parts.join("/");
        // A first part that looks like a host is one.
        fc.pre(host !== undefined || parts.length === 1 || !/[.]|^localhost$/.test(parts[0] ?? ""));
        const reference = { domain: host, path, ...which };
        expect(parseImageReference(formatImageReference(reference))).toEqual(reference);
        expect(formatImageReference(reference).startsWith(repositoryOf(reference))).toBe(true);
      },
    ),
  );
});

test("whatever is given, it is read or refused, and what is read cannot leave its place in a path", () => {
  const texts = fc.oneof(fc.string(), fc.stringMatching(/^[a-zA-Z0-9.:/@_?#% -]{0,40}$/));
  fc.assert(
    fc.property(texts, (text) => {
      let reference: ReturnType<typeof parseImageReference>;
      try {
        reference = parseImageReference(text);
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid-argument" });
        return;
      }
      const written = formatImageReference(reference);
      expect(written).not.toMatch(/[?#%\s]|\.\.\/|\/\//);
      expect(formatImageReference(parseImageReference(written))).toBe(written);
    }),
  );
});

test("ids are told from names", () => {
  expect(isImageId(HEX)).toBe(true);
  expect(isImageId(`sha256:${HEX}`)).toBe(true);
  expect(isImageId("sha256:0123ab")).toBe(true);
  expect(isImageId("0123ab")).toBe(false); // It may be a name.
  expect(isImageId("sha256:latest")).toBe(false);
});
