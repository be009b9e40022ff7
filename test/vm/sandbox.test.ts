/** The sandbox's story on a real guest: a folder goes in, an agent works by MCP, nothing gets out but what is accepted. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../src/base/run.ts";
import { subnetAround } from "../../src/engine/networks/addresses.ts";
import type { Berth } from "../support/berth.ts";
import { McpClient } from "../support/mcp-client.ts";
import { FIRST_BOOT_DATA, type VmWorld, vmWorld } from "../support/vm-world.ts";

/** The catalog is Ubuntu's, the image is Debian's: the user that Ubuntu's images have is asked for. */
let world: VmWorld;
let berth: Berth;
let mcp: McpClient;
let project: string;
/** Something of this host that a guest with a network could reach. */
let service: Server;
let visitors = 0;

beforeAll(async () => {
  world = await vmWorld();
  berth = world.berth;
  project = path.join(berth.home, "project");
  await mkdir(path.join(project, "src"), { recursive: true });
  await run(["git", "init", "-q", project]);
  await writeFile(path.join(project, ".gitignore"), "secret\n*.log\n");
  await writeFile(path.join(project, "secret"), "token\n");
  await writeFile(path.join(project, "src/sum.sh"), "echo $(($1 - $2))\n");
  await writeFile(path.join(project, "notes"), "keep\n");
  service = createServer((socket) => {
    visitors += 1;
    socket.end("hello\n");
  });
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  await mcp?.close();
  await world?.dispose();
  service?.close();
});

const inside = (script: string) =>
  mcp.ok("exec", { instance: "box", argv: ["bash", "-c", script], cwd: "project" }, { timeout: 600_000 });

test("a folder goes in, without what git ignores, and a snapshot is there first", async () => {
  const args = ["sandbox", project, "--name", "box", "--image", "noble", "--cloud-init", "-"];
  expect(await berth.ok(args, { input: FIRST_BOOT_DATA, timeoutMs: 900_000 })).toBe("Sandbox: box\n");
  mcp = await McpClient.open(berth);
  expect(await inside("ls -A; cat src/sum.sh; whoami")).toBe(
    "exit code 0\n--- stdout ---\n.gitignore\nnotes\nsrc\necho $(($1 - $2))\nubuntu",
  );
  expect(await berth.ok(["info", "box.begin"])).toContain("As the sandbox began");
});

test("the guest reaches nothing: not this host, not a name, not another network", async () => {
  const { info } = (await berth.json(["info", "box"])) as { info: Record<string, { ipv4: string[] }> };
  const { gateway } = subnetAround(info["box"]?.ipv4[0] ?? "");
  const { port } = service.address() as { port: number };
  const said = await inside(
    `for to in ${gateway}/${port} 127.0.0.1/22 1.1.1.1/80; do
       if timeout 10 bash -c "exec 3<>/dev/tcp/$to" 2>/dev/null; then echo "$to open"; else echo "$to shut"; fi
     done; getent hosts example.com || echo no name`,
  );
  expect(said).toBe(
    `exit code 0\n--- stdout ---\n${gateway}/${port} shut\n127.0.0.1/22 open\n1.1.1.1/80 shut\nno name`,
  );
  expect(visitors).toBe(0);
});

test("an agent changes it, the diff says so, and accepting makes it so", async () => {
  await mcp.ok("write_file", { instance: "box", path: "project/src/sum.sh", content: "echo $(($1 + $2))\n" });
  await mcp.ok("write_file", { instance: "box", path: "project/test.sh", content: "sh src/sum.sh 2 3\n" });
  expect(await inside("chmod +x test.sh; ./test.sh | tee run.log; rm notes")).toContain("stdout ---\n5");
  const diff = await mcp.ok("sandbox_diff", { instance: "box" }, { timeout: 600_000 });
  expect(diff).toContain("box: 1 file added, 1 changed, 1 deleted");
  expect(diff).toContain("-echo $(($1 - $2))\n+echo $(($1 + $2))");
  expect(diff).not.toContain("run.log");
  expect(await readFile(path.join(project, "notes"), "utf8")).toBe("keep\n");

  await berth.ok(["sandbox", "accept", "box", "--yes"]);
  expect((await run(["sh", "src/sum.sh", "2", "3"], { cwd: project })).stdout).toBe("5\n");
  const { stdout } = await run(["git", "-C", project, "status", "--porcelain", "-uall"]);
  expect(stdout.trim().split("\n").sort()).toEqual(["?? .gitignore", "?? src/sum.sh", "?? test.sh"]);
  expect((await berth.run(["sandbox", "diff", "box"])).stderr).toContain("nothing changed");
});

test("rolled back, it is what it was when it began", async () => {
  const back = { instance: "box", snapshot: "begin", discard: true, confirm: true };
  expect(await mcp.ok("restore_snapshot", back, { timeout: 900_000 })).toContain("and runs again");
  expect(await inside("cat src/sum.sh notes")).toContain("echo $(($1 - $2))\nkeep");
});

test("discarded, nothing of it is left", async () => {
  await berth.ok(["sandbox", "discard", "box", "--yes"]);
  expect(await berth.ok(["list"])).toBe("No instances found.\n");
  expect(await readFile(path.join(project, "src/sum.sh"), "utf8")).toBe("echo $(($1 + $2))\n");
});
