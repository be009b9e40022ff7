/** The driver of containers against the contract, in a VM of ours: its runtime is reached over the kept SSH connection. */
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ctx, describeDriver, execIn } from "../contract/driver.ts";
import { startContainerHost, type TestContainerHost } from "../support/container-host.ts";
import { type ContainerWorld, containerWorld, PRINTS, shellIn } from "../support/container-world.ts";

let host: TestContainerHost;
const world = () => containerWorld({ api: host.api, runtime: "vm" }, { host });

beforeAll(async () => {
  host = await startContainerHost();
});
afterAll(() => host?.dispose());

describeDriver("oci at the container host", async () => ({ ...(await world()), prints: PRINTS }), [
  ...(["reseed", "pause", "logs", "stats", "attach", "export"] as const),
]);

describe("a container in the container host", () => {
  let own: ContainerWorld;
  beforeAll(async () => {
    own = await world();
  });
  afterAll(() => own?.dispose());

  test("is given what it is sent, a terminal too", async () => {
    const { running } = await own.started("exec");
    const asked = { argv: ["sh", "-c", 'pwd; echo "$A"; cat; exit 7'], cwd: "/tmp", env: { A: "x y" } };
    expect(await execIn(running, asked, "in")).toEqual({ stdout: "/tmp\nx y\nin", stderr: "", code: 7 });
    const tty = { cols: 97, rows: 33 };
    expect((await execIn(running, { argv: ["tty"], tty })).stdout).toContain("/dev/pts");
  });

  test("has its ports where this host's engine leads to, and only there", async () => {
    const forward = { protocol: "tcp" as const, hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 80 };
    const { running } = await own.started("ports", {
      ...own.running(["sh", "-c", "mkdir /www; echo hello > /www/a; httpd -f -p 80 -h /www"]),
      ports: [forward],
    });
    await expect
      .poll(() => shellIn(running, "cat /proc/net/tcp /proc/net/tcp6"), { timeout: 60_000 })
      .toContain(":0050");
    const stream = await running.reach?.(ctx(), forward);
    stream?.write("GET /a HTTP/1.0\r\n\r\n");
    expect(stream && (await text(stream))).toContain("hello");
    const { running: alone } = await own.started("alone", { network: "isolated" });
    await expect(alone.reach?.(ctx(), forward)).rejects.toMatchObject({ code: "guest-unreachable" });
  });

  test("is not shown directories of this host, and that is said", async () => {
    const shares = [{ source: "/srv/data", target: "/data" }];
    const failure = await own.created("shares", { shares }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "not-supported", message: expect.stringContaining("/srv/data") });
  });

  test("ends with its host, is known to, and starts again with it", async () => {
    const { instance, running } = await own.started("away", own.machine());
    await shellIn(running, "echo kept > /root/kept");
    await host.stop();
    expect(await running.exited).toMatchObject({ how: "crashed" });
    expect(await own.driver.attach(ctx(), instance)).toBeUndefined();
    expect(await own.driver.diskUsage(instance)).toBeUndefined();
    const again = await own.driver.start(ctx(), instance);
    expect(await shellIn(again, "cat /root/kept")).toBe("kept\n");
  });
});
