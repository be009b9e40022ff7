/** Containers on the command line, over a real engine and a fake runtime. */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { bundleCli } from "../support/cli-bundle.ts";

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let berth: Berth;

beforeAll(async () => {
  bundle = await bundleCli();
  berth = await Berth.make({}, bundle.cli);
  await berth.ok(["launch", "--name", "vm"]);
  const options = ["--container", "-e", "PASSWORD=canary", "-p", "18080:80", "--volume", "data:/data"];
  expect(await berth.ok(["launch", "--name", "web", ...options, "nginx:1.27", "--", "serve", "-v"])).toBe(
    "Launched: web\n",
  );
}, 60_000);
afterAll(async () => {
  await berth?.dispose();
  await bundle?.dispose();
});

type Listed = { name: string; state: string; ipv4: string[]; berth: Record<string, unknown> };
const listed = async (name: string) => {
  const { list } = (await berth.json(["list"])) as { list: Listed[] };
  return list.find((one) => one.name === name);
};

test("list and info show what it is, and a VM as ever", async () => {
  expect(await berth.ok(["list"])).toMatch(
    /web +Running +172\.17\.0\.2 +docker\.io\/library\/nginx:1\.27 \(docker\)/,
  );
  expect(await listed("web")).toMatchObject({
    ...{ state: "Running", ipv4: ["172.17.0.2"] },
    berth: {
      kind: "container",
      container: { command: ["serve", "-v"], env: ["PASSWORD"], runtime: "docker" },
    },
  });
  const vm = await listed("vm");
  expect(vm?.berth).not.toHaveProperty("container");
  expect(vm?.berth).not.toHaveProperty("ports");
  const info = await berth.ok(["info", "web"]);
  for (const line of [
    /^Container: +application on docker$/m,
    /^Command: +serve -v$/m,
    /^Environment: +PASSWORD$/m,
    /^Volume: +data => \/data$/m,
    /^Port: +127\.0\.0\.1:18080 => 80\/tcp$/m,
    /^CPUs: +all$/m,
  ])
    expect(info).toMatch(line);
  expect(info).not.toContain("canary");
  expect(await berth.ok(["info", "vm"])).not.toContain("Container:");
});

test("commands, files, logs and stats", async () => {
  expect(await berth.ok(["exec", "web", "--", "echo", "hello"])).toBe("hello\n");
  const file = path.join(berth.home, "here.txt");
  await writeFile(file, "content");
  await berth.ok(["transfer", file, "web:there.txt"]);
  expect(await berth.ok(["exec", "web", "--", "cat", "there.txt"])).toBe("content");
  expect(await berth.ok(["logs", "web"])).toBe("started web\n");
  expect(await berth.ok(["logs", "web", "--tail", "0"])).toBe("");
  expect(await berth.ok(["logs", "web", "--since", "2099-01-01T00:00:00Z"])).toBe("");
  expect(await berth.ok(["log", "web"])).toBe("started web\n");
  expect(await berth.run(["logs", "vm"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("it is not a container"),
  });
  expect(await berth.ok(["stats", "--no-stream", "web"])).toMatch(/^web +25\.0% +1MiB of 1GiB/m);
});

test("followed logs end with its run", async () => {
  await berth.ok(["launch", "--name", "short", "docker:nginx"]);
  const following = berth.ok(["logs", "-f", "short"]);
  await berth.ok(["restart", "short"]);
  await berth.ok(["stop", "short"]);
  expect(await following).toContain("started short\n");
  expect(await berth.ok(["logs", "short"])).toBe("started short\nstarted short\n");
  await berth.ok(["delete", "--purge", "short"]);
});

test("pause and unpause", async () => {
  await berth.ok(["pause", "web"]);
  expect((await listed("web"))?.state).toBe("Paused");
  expect(await berth.run(["exec", "web", "--", "true"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('instance "web" is paused'),
  });
  await berth.ok(["unpause", "--all"]);
  expect((await listed("web"))?.state).toBe("Running");
  expect(await berth.run(["pause", "vm"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Suspend it: berth suspend vm"),
  });
  expect(await berth.run(["suspend", "web"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Pause it: berth pause web"),
  });
});

test("stop, snapshot, restore, clone, delete", async () => {
  await berth.ok(["stop", "web"]);
  expect(await listed("web")).toMatchObject({ state: "Stopped", ipv4: [] });
  await berth.ok(["snapshot", "web", "--name", "one"]);
  await berth.ok(["restore", "--destructive", "web.one"]);
  expect(await berth.ok(["clone", "web", "-n", "twin"])).toBe("Cloned from web to twin.\n");
  await berth.ok(["start", "twin"]);
  expect(await berth.ok(["logs", "twin"])).toBe("started twin\n");
  await berth.ok(["delete", "--purge", "twin"]);
  await berth.ok(["start", "web"]);
});

test("what is released is another's, and what is another's is adopted", async () => {
  await berth.ok(["launch", "--name", "lent", "docker:nginx"]);
  expect(await berth.ok(["foreign"])).toBe("No containers of others on this host.\n");
  expect(await berth.ok(["release", "lent"])).toBe("Released: lent\n");
  expect(await berth.ok(["foreign"])).toMatch(
    /^Name +Id +State +Image +Compose +Runtime\nberth-lent +[0-9a-f]{12} +running +\S+ +-- +docker/,
  );
  expect(await berth.json(["foreign", "--runtime", "podman"])).toEqual({ containers: [] });
  expect(await berth.ok(["adopt", "berth-lent", "-n", "back"])).toBe("Adopted: back\n");
  expect(await berth.ok(["info", "back"])).toMatch(/^Container: +application on docker \(adopted\)$/m);
  expect(await berth.run(["release", "vm"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("cannot release vm: it is a VM"),
  });
  expect(await berth.run(["adopt", "nothing"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("berth foreign shows all that are there."),
  });
  await berth.ok(["delete", "--purge", "back"]);
});

test("a project's file names one by its prefix, with its ports, mounts and what is run in it", async () => {
  const project = path.join(berth.home, "project");
  await mkdir(path.join(project, "data"), { recursive: true });
  const lines = [
    "instances:",
    "  shop:",
    "    image: podman:nginx",
    '    ports: ["18090:80"]',
    '    mounts: ["./data:/data"]',
    '    provision: ["echo made > made"]',
  ];
  await writeFile(path.join(project, "berth.yaml"), `${lines.join("\n")}\n`);
  await berth.ok(["up"], { cwd: project });
  await berth.ok(["up"], { cwd: project });
  const info = await berth.ok(["info", "shop"]);
  expect(info).toContain("application on podman");
  expect(info).toContain("127.0.0.1:18090 => 80/tcp");
  expect(await berth.ok(["exec", "shop", "--", "cat", "made"])).toBe("made\n");
  await berth.ok(["down", "--delete"], { cwd: project });
});

test("it is no SSH host, and has no name on this host", async () => {
  expect(await berth.run(["ssh-command", "web"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('instance "web" is a container'),
  });
  expect(await berth.ok(["ssh-config"])).not.toMatch(/Host web$/m);
  expect(await berth.ok(["hosts"])).toMatch(/^127\.\S+ vm\.berth\n$/);
});

test("what cannot be is said in words", async () => {
  expect(await berth.run(["launch", "--container"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("a container needs an image"),
  });
  expect(await berth.run(["launch", "docker:nginx", "--tpm"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("a container has no TPM"),
  });
  expect(await berth.run(["launch", "debian", "--env", "A=b"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("--env is for containers alone"),
  });
  expect(await berth.run(["launch", "docker:nonesuch"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("there is no such image"),
  });
});

test("under the name of Multipass there is nothing of it", async () => {
  const multipass = berth.as({ BERTH_COMMAND_NAME: "multipass" });
  for (const command of [["logs", "web"], ["stats"], ["pause", "web"], ["unpause", "web"]])
    expect((await multipass.run(command)).code, command.join(" ")).toBe(1);
  expect((await multipass.run(["launch", "--container", "nginx"])).code).toBe(1);
  expect(await multipass.ok(["launch", "--help"])).not.toMatch(/container/i);
  expect(await multipass.ok(["help"])).not.toMatch(/container|logs|stats|pause/i);
});
