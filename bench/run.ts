/**
 * `npm run bench`: speed as ratios to a named peer in the same run, on this machine, with the tests' guest image.
 * Prints a table and writes bench/results.json. Options: --runs N (launches of each kind; default 3).
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { signalProcess } from "../src/base/process-identity.ts";
import { run, startDetached } from "../src/base/run.ts";
import { generateLogin } from "../src/engine/guest/keys.ts";
import { writeSeed } from "../src/engine/guest/seed.ts";
import { createSshGuest } from "../src/engine/guest/ssh-guest.ts";
import { silentLog } from "../src/engine/log.ts";
import { Berth, gone } from "../test/support/berth.ts";
import { freePort } from "../test/support/free-port.ts";
import { testImage } from "../test/support/guest-image.ts";
import { median, numberOption, print, type Row, row, seconds, text, times } from "./support.ts";

const MEMORY_MIB = 1024;
const CPUS = 2;
const LIST_RUNS = 20;
const IDLE_SECONDS = 20;

const rows: Row[] = [];

const runs = numberOption("runs", 3);
const image = await testImage();
const berth = await Berth.make({ BERTH_SETTING_ENGINE_IDLE_SECONDS: "600" });
try {
  await benchLaunch();
  await benchList();
  await benchIdle();
} finally {
  await berth.dispose();
}
print(rows);
await writeFile(path.join(import.meta.dirname, "results.json"), `${JSON.stringify(rows, null, 2)}\n`);

/** From the command to a guest whose cloud-init has ended, Berth's and a bare QEMU's in turn. */
async function benchLaunch(): Promise<void> {
  // The image is in the cache before, as the bare peer's is on the disk.
  await berth.ok(["image", "pull", `file://${image.path}`]);
  const bare: number[] = [];
  const ours: number[] = [];
  for (let index = 0; index < runs; index += 1) {
    bare.push(await seconds(bareLaunch));
    const name = `bench${index}`;
    const launch = [
      "launch",
      `file://${image.path}`,
      "--name",
      name,
      "--cpus",
      String(CPUS),
      "--memory",
      `${MEMORY_MIB}M`,
    ];
    ours.push(await seconds(() => berth.ok(launch)));
    if (index < runs - 1) await berth.ok(["delete", "--purge", name]);
  }
  const ratio = median(ours) / median(bare);
  rows.push(row("launch until ready", text(ours, "s"), `bare QEMU ${text(bare, "s")}`, ratio, "≤ 1.10"));
}

/** What a person would type: an overlay, a seed, one QEMU line; then the same waiting as ours. */
async function bareLaunch(): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), "berth-bare-"));
  const disk = path.join(directory, "disk.qcow2");
  const seed = path.join(directory, "seed.iso");
  const login = await generateLogin(image.user);
  const port = await freePort();
  let pid: number | undefined;
  try {
    await run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image.path, disk, "5G"]);
    await writeSeed(seed, { instanceId: directory, hostname: "bare", login, nics: [] });
    const argv = [
      ...[
        "qemu-system-x86_64",
        "-accel",
        "tcg,thread=multi",
        "-machine",
        "q35",
        "-smp",
        String(CPUS),
        "-m",
        String(MEMORY_MIB),
      ],
      ...["-display", "none", "-serial", `file:${path.join(directory, "serial.log")}`],
      ...[
        "-drive",
        `file=${disk},if=virtio,format=qcow2`,
        "-drive",
        `file=${seed},if=virtio,format=raw,readonly=on`,
      ],
      ...["-nic", `user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:${port}-:22`],
    ];
    ({ pid } = await startDetached(argv, { logFile: path.join(directory, "qemu.log") }));
    const target = {
      ...{ host: "127.0.0.1", port, user: login.user, name: "bare" },
      ...{ privateKey: login.client.privateKey, hostKeys: [login.host.publicKey] },
    };
    const guest = createSshGuest(target, silentLog);
    await guest.waitReady({ signal: AbortSignal.timeout(300_000), progress: () => {}, log: silentLog });
    guest.dispose();
  } finally {
    if (pid !== undefined) {
      signalProcess(pid, "SIGKILL");
      await gone(pid);
    }
    await rm(directory, { recursive: true, force: true });
  }
}

async function benchList(): Promise<void> {
  await berth.ok(["list"]);
  const ours = await times(LIST_RUNS, () => berth.ok(["list"]));
  const peer = await times(LIST_RUNS, () => run([process.execPath, "-e", "0"]));
  rows.push(
    row(
      "berth list",
      text(ours, "ms"),
      `node -e 0 ${text(peer, "ms")}`,
      median(ours) / median(peer),
      "≤ 150 ms",
    ),
  );
}

/** Memory and wake-ups of an engine that nobody uses, its guests stopped. */
async function benchIdle(): Promise<void> {
  await berth.ok(["stop", "--force", "--all"]);
  const pid = await berth.enginePid();
  if (pid === undefined) throw new Error("the engine has left");
  await delay(3_000); // What the last client caused has ended.
  const before = await wakeUps(pid);
  await delay(IDLE_SECONDS * 1000);
  const each = ((await wakeUps(pid)) - before) / IDLE_SECONDS;
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const rss = (Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024) / 1e6;
  rows.push({
    what: "engine idle: memory",
    value: `${rss.toFixed(1)} MB`,
    peer: "–",
    ratio: "–",
    target: "≤ 90 MB",
  });
  rows.push({
    what: "engine idle: wake-ups",
    value: `${each.toFixed(2)} /s`,
    peer: "–",
    ratio: "–",
    target: "≤ 1 /s",
  });
}

/** Voluntary context switches of the event loop's thread: each is one time it slept and was woken. */
async function wakeUps(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/task/${pid}/status`, "utf8");
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]);
}
