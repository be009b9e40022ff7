import { expect, test } from "vitest";
import { redactText } from "../../../src/base/secret.ts";

test.each([
  ["https://ada:pw@host/a?b=1#sha256:00", "https://***@host/a?***#sha256:00"],
  ["see http://host/x?sig=abc, and more", "see http://host/x?*** and more"],
  ["ssh://ada@host and https://host/a", "ssh://***@host and https://host/a"],
  ["mail ada@host, is it ready? yes", "mail ada@host, is it ready? yes"],
])("what opens an address is taken out of %s", (text, safe) => {
  expect(redactText(text)).toBe(safe);
});

test("a key is taken out, even where its end is missing", () => {
  expect(redactText("a -----BEGIN OPENSSH PRIVATE KEY-----\nabc")).toBe("a ***");
});
