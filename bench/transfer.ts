/**
 * A large file each way, `berth transfer` beside `scp` in the same run and over the same guest, with peak memory of the
 * engine and of the command. `BERTH_BENCH_MIB` is the size; 4096 when left out.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import path from "node:path";
import type { Instance } from "../src/api/instance.ts";
import { run, startChild } from "../src/base/run.ts";
import { Berth } from "../test/support/berth.ts";
import { startCatalogServer } from "../test/support/catalog-server.ts";
import { testImage } from "../test/support/guest-image.ts";

type Timed = { seconds: number; peakMib: number };

const MIB = Number(process.env["BERTH_BENCH_MIB"] ?? 4096);

const image = await testImage();
const catalog = await startCatalogServer([{ file: image.path }]);
const berth = await Berth.make({ BERTH_SETTING_IMAGES_UBUNTU_URL: catalog.url });
try {
  const user = "#cloud-config\nsystem_info: {default_user: {name: ubuntu}}\n";
  const disk = `${Math.ceil((3 * MIB) / 1024) + 4}G`;
  await berth.ok(["launch", "noble", "--name", "box", "--cpus", "2", "--disk", disk, "--cloud-init", "-"], {
    input: user,
  });
  const { items } = { items: ((await berth.json(["list"])) as { list: Instance[] }).list };
  if (items.length !== 1) throw new Error("no instance");
  const file = path.join(berth.home, "large");
  await writeRandom(file, MIB);
  const wanted = await checksum(file);
  const config = path.join(berth.home, "ssh.conf");
  await (await open(config, "w")).writeFile(await berth.ok(["ssh-config"]));
  const scp = (from: string, to: string) => timed(["scp", "-q", "-F", config, from, to]);
  let engineMib = 0;
  // An engine that nobody has used for a while leaves, as it does while scp is at work.
  const ours = async (from: string, to: string) => {
    const took = await timed([...berth.argv, "transfer", from, to]);
    engineMib = Math.max(engineMib, await peakMibOf(await berth.enginePid()));
    return took;
  };
  const tell = (way: string, own: Timed, peer: Timed) => {
    const ratio = (own.seconds / peer.seconds).toFixed(2);
    console.log(
      `${way.padEnd(5)} ${MIB} MiB: berth ${own.seconds.toFixed(1)} s, scp ${peer.seconds.toFixed(1)} s, ${ratio} ×; peak of the command ${own.peakMib.toFixed(0)} MiB, of the engine ${engineMib.toFixed(0)} MiB`,
    );
  };
  const back = path.join(berth.home, "back");

  // What the run before has left to be written must not be paid for by the next one.
  const settle = async (old: readonly string[]) => {
    await berth.ok(["exec", "box", "--", "sh", "-c", 'rm -f "$@"; sync', "sh", ...old]);
    await run(["sync"]);
  };
  // Whoever comes first would pay for the growth of the disk's image.
  await berth.ok(["exec", "box", "--", "sh", "-c", `dd if=/dev/zero of=first bs=1M count=${MIB}; sync`]);
  await settle(["first"]);
  const up = await ours(file, "box:by-berth");
  const sum = (await berth.ok(["exec", "box", "--", "sha256sum", "by-berth"])).split(" ")[0];
  console.log(`checksum in the guest ${sum === wanted ? "equal" : "DIFFERENT"}`);
  await settle(["by-berth"]);
  tell("up", up, await scp(file, "box:by-scp"));
  await settle([]);
  const down = await scp("box:by-scp", `${back}.scp`);
  await settle([]);
  tell("down", await ours("box:by-scp", back), down);
  console.log(`checksum of what came back ${(await checksum(back)) === wanted ? "equal" : "DIFFERENT"}`);
} finally {
  await berth.dispose();
  await catalog.close();
}

async function writeRandom(file: string, mib: number): Promise<void> {
  const { randomBytes } = await import("node:crypto");
  const handle = await open(file, "w");
  for (let at = 0; at < mib; at += 16) await handle.write(randomBytes(2 ** 20 * Math.min(16, mib - at)));
  await handle.close();
}

async function checksum(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

async function peakMibOf(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}

/** Wall time, and the most memory that was seen, ten times a second. */
async function timed(argv: readonly string[]): Promise<Timed> {
  await rm(argv.at(-1) ?? "", { force: true });
  const start = performance.now();
  const child = startChild(argv, { env: berth.env });
  let words = "";
  child.stdout.resume();
  child.stderr.on("data", (chunk: Buffer) => {
    words += chunk.toString();
  });
  let peakMib = 0;
  const look = setInterval(() => {
    readFile(`/proc/${child.pid}/status`, "utf8").then(
      (status) => {
        peakMib = Math.max(peakMib, Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
      },
      () => {},
    );
  }, 100);
  const { code } = await child.exited.finally(() => clearInterval(look));
  if (code !== 0) throw new Error(`${argv.join(" ")} exited with ${code}: ${words}`);
  return { seconds: (performance.now() - start) / 1000, peakMib };
}
