/** Settings under both names of the command, over a real engine process. */
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;
let multipass: Berth;

beforeAll(async () => {
  bundle = await bundleCli();
  berth = await Berth.make({}, bundle.cli);
  multipass = berth.as({ BERTH_COMMAND_NAME: "multipass" });
}, 60_000);
afterAll(async () => {
  await berth?.dispose();
  await bundle?.dispose();
}, 60_000);

const KEYS = [
  "client.primary-name",
  "local.bridged-network",
  "local.driver",
  "local.image.mirror",
  "local.passphrase",
  "local.privileged-mounts",
];

test("get, byte for byte", async () => {
  expect(await multipass.ok(["get", "--keys"])).toBe(`${KEYS.join("\n")}\n`);
  expect(await multipass.ok(["get", "--keys", "local.driver"])).toBe("local.driver\n");
  const values: [string[], string][] = [
    [["client.primary-name"], "primary\n"],
    [["local.bridged-network"], "<empty>\n"],
    [["local.bridged-network", "--raw"], "\n"],
    [["local.driver"], "qemu\n"],
    [["local.image.mirror"], "<empty>\n"],
    [["local.passphrase"], "false\n"],
    [["local.privileged-mounts"], "true\n"],
  ];
  for (const [args, text] of values) expect(await multipass.ok(["get", ...args]), args.join(" ")).toBe(text);
  expect(await berth.ok(["get", "--keys"])).toContain("engine.idle-seconds\n");
  expect(await berth.ok(["get"])).toMatch(/^client\.primary-name +primary$/m);
});

test("what is no setting, and what a setting cannot be, is refused with the exit code 1", async () => {
  const refused: [string[], RegExp][] = [
    [["get"], /^get failed: Multiple settings not implemented yet\./],
    [["get", "no.such"], /^get failed: Unrecognized settings key: 'no\.such'\n$/],
    [["get", "--keys", "no.such"], /^get failed: Unrecognized settings key: 'no\.such'\n$/],
    [["get", "engine.log-level"], /^get failed: Unrecognized settings key/],
    [["set", "no.such=1"], /^set failed: Unrecognized settings key: 'no\.such'\n$/],
    [["set", "=1"], /^set failed: Bad key-value format\.\n$/],
    [["set", "local.driver"], /^set failed: no value is given\n$/],
    [["set", "local.driver=hyperv"], /^set failed: Invalid setting 'local\.driver=hyperv': /],
    [
      ["set", "local.privileged-mounts=maybe"],
      /'local\.privileged-mounts=maybe': Invalid flag, need "true" or "false"\n$/,
    ],
    [
      ["set", "local.bridged-network=no-such-0"],
      /'local\.bridged-network=no-such-0': no-such-0 is no network of this host\n$/,
    ],
    [
      ["set", "local.image.mirror=http://mirror.test/"],
      /'local\.image\.mirror=http:\/\/mirror\.test\/': an https URL is needed\n$/,
    ],
    [["set", "client.primary-name=1-bad"], /'client\.primary-name=1-bad': Invalid instance name supplied\n$/],
    [["set", "client.apps.windows-terminal.profiles=none"], /Unrecognized settings key/],
  ];
  for (const [args, words] of refused) {
    const { code, stdout, stderr } = await multipass.run(args);
    expect({ args, code, stdout, stderr }).toEqual({
      args,
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(words),
    });
  }
  expect(await multipass.ok(["get", "local.driver"])).toBe("qemu\n");
});

test("the primary instance is the one that is named so, for every command", async () => {
  await multipass.ok(["set", "client.primary-name=main"]);
  expect(await readFile(path.join(berth.home, "data", "client.json"), "utf8")).toContain('"main"');
  // These guests are processes of this computer: what they mounted would be mounted here.
  await multipass.ok(["set", "local.privileged-mounts=off"]);
  expect(await multipass.run(["start"])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^Launched: main in zone\d\n$/),
    stderr: expect.stringContaining("Skipping mount due to disabled mounts feature"),
  });
  for (const verb of ["stop", "start", "restart", "suspend"]) await multipass.ok([verb]);
  expect(await multipass.ok(["list", "--format", "csv"])).toMatch(/^main,Suspended,/m);
  await berth.ok(["launch", "--name", "first"]);
  expect(await multipass.ok(["list", "--format", "csv"])).toMatch(/\nmain,.*\nfirst,/);
  expect((await multipass.run(["shell"], { input: "exit 7\n" })).code).toBe(7);
  expect(await multipass.ok(["help", "stop"])).toContain("'main' will be assumed");

  await multipass.ok(["set", "client.primary-name="]);
  expect(await multipass.ok(["get", "client.primary-name"])).toBe("<empty>\n");
  for (const verb of ["stop", "start", "restart", "suspend"]) {
    expect(await multipass.run([verb])).toMatchObject({
      code: 1,
      stderr: `${verb} failed: Name argument or --all is required\n`,
    });
  }
  expect((await multipass.run(["shell"])).stderr).toContain("The primary instance is disabled");
  expect(await multipass.ok(["list", "--format", "csv"])).toMatch(/\nfirst,.*\nmain,/);
  await multipass.ok(["set", "client.primary-name=primary"]);
});

test("mounts are allowed or not, new ones and kept ones", async () => {
  const source = path.join(berth.home, "shown");
  await mkdir(source);
  await multipass.ok(["set", "local.privileged-mounts=yes"]);
  await multipass.ok(["stop", "first"]);
  await multipass.ok(["mount", source, "first:/srv"]);
  await multipass.ok(["set", "local.privileged-mounts=No"]);
  expect(await multipass.ok(["get", "local.privileged-mounts"])).toBe("false\n");
  expect(await multipass.run(["mount", source, "first:/other"])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^mount failed: Mounts are disabled on this installation of Multipass\./),
  });
  expect((await multipass.run(["launch", "--name", "x", "--mount", `${source}:/a`])).code).toBe(2);
  expect((await multipass.run(["start", "first"])).stderr).toContain("the mounts of first are left out");
  await multipass.ok(["set", "local.privileged-mounts=ON"]);
  expect(await multipass.ok(["get", "local.privileged-mounts"])).toBe("true\n");
  await multipass.ok(["delete", "--purge", "first", "main"]);
});

test("a file that says nothing sensible is an error that names it, never a guess", async () => {
  const { writeFile, rm } = await import("node:fs/promises");
  const file = path.join(berth.home, "data", "client.json");
  await writeFile(file, '{"client.primary-name": 5}');
  expect(await multipass.run(["stop"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("client.json"),
  });
  await rm(file);
  expect(await multipass.ok(["get", "client.primary-name"])).toBe("primary\n");
});
