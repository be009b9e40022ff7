/** What the command asks on a terminal, over a real engine process and a real pseudo-terminal. */
import { spawn } from "node-pty";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let multipass: Berth;

beforeAll(async () => {
  bundle = await bundleCli();
  multipass = (await Berth.make({}, bundle.cli)).as({ BERTH_COMMAND_NAME: "multipass" });
  await multipass.ok(["launch", "--name", "web"]);
  await multipass.ok(["stop", "web"]);
  await multipass.ok(["snapshot", "web"]);
}, 60_000);
afterAll(async () => {
  await multipass?.dispose();
  await bundle?.dispose();
}, 60_000);

/** Runs it on a terminal; types each answer when its question has been asked. Resolves with the end and the screen. */
function typed(args: readonly string[], answers: readonly [question: string, answer: string][]) {
  const [file = "", ...words] = multipass.argv;
  const terminal = spawn(file, [...words, ...args], { cols: 120, rows: 30, env: multipass.env });
  let screen = "";
  let from = 0;
  let next = 0;
  terminal.onData((data) => {
    screen += data;
    const [question, answer] = answers[next] ?? ["", undefined];
    const at = answer === undefined ? -1 : screen.indexOf(question, from);
    if (at < 0) return;
    from = at + question.length;
    next += 1;
    terminal.write(`${answer}\r`);
  });
  return new Promise<{ code: number; screen: string }>((resolve) =>
    terminal.onExit(({ exitCode }) => resolve({ code: exitCode, screen })),
  );
}

const snapshots = async () => {
  const rows = (await multipass.ok(["list", "--snapshots", "--format", "csv"])).trim().split("\n").slice(1);
  return rows.map((row) => row.split(",")[1]);
};

test("a setting without a value is asked for", async () => {
  expect(await typed(["set", "client.primary-name"], [["client.primary-name: ", "main"]])).toMatchObject({
    code: 0,
  });
  expect(await multipass.ok(["get", "client.primary-name"])).toBe("main\n");
  await multipass.ok(["set", "client.primary-name=primary"]);
  const twice = (again: string) =>
    typed(
      ["set", "local.passphrase"],
      [
        ["passphrase: ", "one"],
        ["passphrase: ", again],
      ],
    );
  expect(await twice("two")).toMatchObject({
    code: 1,
    screen: expect.stringContaining("Passphrases do not match"),
  });
  expect(await multipass.ok(["get", "local.passphrase"])).toBe("false\n");
  const { code, screen } = await twice("one");
  expect({ code, shown: screen.includes("one") }).toEqual({ code: 0, shown: false });
  await multipass.ok(["authenticate", "one"]);
});

test("a restore asks whether to keep what is, until it is told", async () => {
  const question = "Do you want to take a snapshot of web before discarding its current state? (Yes/no)";
  const no = await typed(
    ["restore", "web.snapshot1"],
    [
      [question, "perhaps"],
      ["Please answer yes/no", "no"],
    ],
  );
  expect(no).toMatchObject({ code: 0, screen: expect.stringContaining("Snapshot restored: web.snapshot1") });
  expect(await snapshots()).toEqual(["snapshot1"]);
  expect(await typed(["restore", "web.snapshot1"], [[question, ""]])).toMatchObject({ code: 0 });
  expect(await snapshots()).toEqual(["snapshot1", "snapshot2"]);
});

test("snapshots are removed for good, and only where that is said", async () => {
  const question = "Snapshots can only be removed for good. Remove web.snapshot2?";
  expect(await typed(["delete", "web.snapshot2"], [[question, "n"]])).toMatchObject({ code: 1 });
  expect(await snapshots()).toEqual(["snapshot1", "snapshot2"]);
  expect(await typed(["delete", "web.snapshot2"], [[question, "y"]])).toMatchObject({ code: 0 });
  expect(await snapshots()).toEqual(["snapshot1"]);
});
