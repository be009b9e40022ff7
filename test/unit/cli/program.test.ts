/** A verb that is loaded alone is the same as among all of them. */
import { describe, expect, test } from "vitest";
import { createProgram } from "../../../src/cli/all-verbs.ts";
import { OFTEN, programOf } from "../../../src/cli/program.ts";
import { Session } from "../../../src/cli/session.ts";

const session = new Session(process);
const whole = createProgram(session);

describe.each(Object.keys(OFTEN))("%s", (verb) => {
  const find = (program = whole) =>
    program.commands.find((one) => one.name() === verb || one.aliases().includes(verb));

  test("says and takes the same", async () => {
    const alone = find(await programOf(verb, session));
    expect(alone).toBeDefined();
    expect(alone?.helpInformation()).toBe(find()?.helpInformation());
  });
});

test.each(["", "lunch", "help", "toString", "__proto__"])("%j takes all of them", async (word) => {
  expect(await programOf(word, session)).toBeUndefined();
});

test("under the name multipass it always takes all of them", async () => {
  expect(await programOf("list", new Session(process, "multipass"))).toBeUndefined();
});
