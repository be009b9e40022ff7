import { expect, test } from "vitest";
import { plainExecOf } from "../../../src/cli/attach.ts";

test.each([
  [["exec", "web", "--", "ls"], { name: "web", argv: ["ls"] }],
  [["exec", "web", "--", "ls", "--", "-l"], { name: "web", argv: ["ls", "--", "-l"] }],
])("%j needs no table of commands", (argv, plain) => expect(plainExecOf(argv)).toEqual(plain));

test.each([
  [["list"]],
  [["exec"]],
  [["exec", "web"]],
  [["exec", "web", "--"]],
  [["exec", "web", "ls"]],
  [["exec", "-n", "web", "--", "ls"]],
  [["exec", "web", "-n", "--", "ls"]],
  [["exec", "--help", "--", "ls"]],
])("%j goes the whole way", (argv) => expect(plainExecOf(argv)).toBeUndefined());
