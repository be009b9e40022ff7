/** The user's SSH configuration on a real disk, with the real ssh asked whether it worked. */
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { pathsFor } from "../../../../src/base/paths.ts";
import { run } from "../../../../src/base/run.ts";
import {
  install,
  planSetup,
  refresh,
  remove,
  type SetupOptions,
} from "../../../../src/client/remote/setup.ts";

let home: string;
let userConfig: string;
let setup: SetupOptions;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), "berth ssh-"));
  const directory = home;
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  userConfig = path.join(home, ".ssh", "config");
  const { ssh: files } = pathsFor({
    platform: "linux",
    env: { BERTH_HOME: home },
    home,
    tmp: home,
    user: "u",
  });
  const shim = { execPath: process.execPath, cli: "/x/cli.js", env: {} };
  setup = { files, userConfig, shim, platform: "linux", signal: AbortSignal.timeout(30_000) };
});

async function write(text: string | Buffer, mode = 0o644): Promise<void> {
  await mkdir(path.dirname(userConfig), { recursive: true, mode: 0o700 });
  await writeFile(userConfig, text);
  await chmod(userConfig, mode);
}

const installNow = async (options = setup) => install(options, await planSetup(options));
const asked = async (host: string) => (await run(["ssh", "-F", userConfig, "-G", host])).stdout;
const names = async () => (await readdir(path.dirname(userConfig))).sort();

test("ssh takes it up, the rest of the file counts as before, and it comes out exactly", async () => {
  const text = "User everyone\nHost *\n  ProxyCommand none\n  IdentityFile ~/mine\n\nHost a\n  Port 7";
  await write(text, 0o640);
  const before = await asked("a");
  expect(await installNow()).toBe("include");
  const probe = await asked("web.berth");
  expect(probe).toContain(`\nproxycommand '${setup.files.bin}/berth-ssh' ssh-proxy %n\n`);
  expect(probe).toMatch(/\nstricthostkeychecking (yes|true)\n/);
  expect(await asked("a")).toBe(before);
  expect((await stat(userConfig)).mode & 0o777).toBe(0o640);
  expect((await planSetup(setup)).changes).toBe(false);
  expect(await readFile(`${userConfig}.before-berth`, "utf8")).toBe(text);

  expect(await remove(setup)).toBe(true);
  expect(await readFile(userConfig, "utf8")).toBe(text);
  expect((await stat(userConfig)).mode & 0o777).toBe(0o640);
  expect(await names()).toEqual(["config"]);
  expect(await remove(setup)).toBe(false);
});

test("any configuration that ssh can read comes back byte for byte", async () => {
  const line = fc.constantFrom(
    ...[
      "Host *",
      "Host a b",
      "  User me",
      "\tPort 22",
      "# ü",
      "",
      "Match all",
      "Include nothing*",
      "ForwardAgent yes",
    ],
  );
  const newline = fc.constantFrom("\n", "\r\n");
  const text = fc.array(fc.tuple(line, newline), { maxLength: 8 }).chain((lines) =>
    fc.boolean().map((final) => {
      const whole = lines.map((parts) => parts.join("")).join("");
      return final ? whole : whole.replace(/\r?\n$/, "");
    }),
  );
  await fc.assert(
    fc.asyncProperty(text, async (content) => {
      await write(content);
      expect(await installNow()).toBe("include");
      expect(await remove(setup)).toBe(true);
      expect(await readFile(userConfig, "utf8")).toBe(content);
      expect(await names()).toEqual(["config"]);
    }),
    { numRuns: 15 },
  );
});

test("without a file, one is made, for its owner only; taking it out removes it", async () => {
  expect(await installNow()).toBe("include");
  expect((await stat(userConfig)).mode & 0o777).toBe(0o600);
  expect((await stat(path.dirname(userConfig))).mode & 0o777).toBe(0o700);
  await remove(setup);
  expect(await names()).toEqual([]);
});

test("a link stays a link, its target is written", async () => {
  const real = path.join(home, "dotfiles", "ssh");
  await mkdir(path.dirname(real));
  await mkdir(path.dirname(userConfig), { mode: 0o700 });
  await symlink("../dotfiles/ssh", userConfig);
  await installNow(); // It leads nowhere yet.
  expect((await lstat(userConfig)).isSymbolicLink()).toBe(true);
  expect(await readFile(real, "utf8")).toContain("# >>> berth, which made this file >>>");
  await remove(setup);
  await writeFile(real, "Host a\n");
  await installNow();
  expect((await lstat(userConfig)).isSymbolicLink()).toBe(true);
  await remove(setup);
  expect(await readFile(real, "utf8")).toBe("Host a\n");
});

test("a read-only file is refused and stays", async () => {
  await write("Host a\n", 0o444);
  await expect(planSetup(setup)).rejects.toMatchObject({
    code: "permission-denied",
    hint: expect.any(String),
  });
  expect(await readFile(userConfig, "utf8")).toBe("Host a\n");
});

test("a file that ssh cannot read is left alone, with ssh's own words", async () => {
  await write("Hots a\n");
  await expect(installNow()).rejects.toMatchObject({
    code: "wrong-state",
    message: expect.stringContaining("hots"),
  });
  expect(await readFile(userConfig, "utf8")).toBe("Hots a\n");
  expect(await names()).toEqual(["config"]);
});

test("what another program changes between the question and the answer is not lost", async () => {
  await write("Host a\n");
  const plan = await planSetup(setup);
  await write("Host b\n");
  await expect(install(setup, plan)).rejects.toMatchObject({ code: "busy" });
  expect(await readFile(userConfig, "utf8")).toBe("Host b\n");
});

/** An ssh that knows no Include: the real one, given the file without such lines. */
async function oldSsh(filter: string): Promise<string> {
  const file = path.join(home, "old-ssh");
  await writeFile(
    file,
    `#!/bin/sh\n${filter} "$2" > "${home}/filtered"\nexec ssh -F "${home}/filtered" "$3" "$4"\n`,
  );
  await chmod(file, 0o755);
  return file;
}

test("where Include is not honoured, the hosts stand in the file itself", async () => {
  await write("User everyone\n");
  await mkdir(path.dirname(setup.files.hosts), { recursive: true });
  await writeFile(setup.files.hosts, "# hosts\n\nHost web.berth\n  User guest\n");
  const options = { ...setup, ssh: await oldSsh("grep -v ^Include") };
  expect(await installNow(options)).toBe("inline");
  await rm(setup.files.config); // Nothing but the file itself counts.
  expect(await asked("web.berth")).toMatch(/^user guest$/m);
  expect(await asked("other")).toMatch(/^user everyone$/m);
  await writeFile(setup.files.hosts, "Host web.berth\n  User other\n");
  expect(await installNow(options)).toBe("inline");
  expect(await asked("web.berth")).toMatch(/^user other$/m);
  await remove(options);
  expect(await readFile(userConfig, "utf8")).toBe("User everyone\n");
});

test("where ssh follows none of it, the file is put back", async () => {
  await write("User everyone\n", 0o644);
  const options = { ...setup, ssh: await oldSsh("grep -v -e Include -e ProxyCommand") };
  await expect(installNow(options)).rejects.toMatchObject({ code: "not-supported" });
  expect(await readFile(userConfig, "utf8")).toBe("User everyone\n");
});

test("without ssh on this host, that is what is told", async () => {
  await expect(installNow({ ...setup, ssh: "/no/such/ssh" })).rejects.toMatchObject({
    code: "missing-dependency",
  });
  expect(await names()).toEqual([]);
});

test("many at once leave one block", async () => {
  await write("Host a\n");
  const all = await Promise.allSettled(Array.from({ length: 6 }, () => installNow()));
  expect(all.some(({ status }) => status === "fulfilled")).toBe(true);
  expect((await readFile(userConfig, "utf8")).match(/>>> berth/g)).toHaveLength(1);
  await remove(setup);
  expect(await readFile(userConfig, "utf8")).toBe("Host a\n");
});

test("Berth's own files are renewed only where the user has agreed to them", async () => {
  await refresh(setup);
  await expect(stat(setup.files.config)).rejects.toThrow("ENOENT");
  await installNow();
  await refresh({ ...setup, shim: { ...setup.shim, cli: "/newer/cli.js" } });
  expect(await readFile(path.join(setup.files.bin, "berth-ssh"), "utf8")).toContain("/newer/cli.js");
});
