/**
 * `npm run bench:mounts`: the ways a guest can see a directory of this host, side by side in one guest, with the guest's
 * own disk beside them: a tree of small files unpacked, looked through and removed, and one large file. 9p needs Debian's
 * generic kernel, so the guest has that. `BERTH_BENCH_MIB` is the large file's size (1024), `BERTH_BENCH_FILES` the number
 * of small ones (5000).
 */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { run } from "../src/base/run.ts";
import { recipeFor } from "../src/engine/images/recipes.ts";
import { Berth } from "../test/support/berth.ts";
import { testImage } from "../test/support/guest-image.ts";

const MIB = Number(process.env["BERTH_BENCH_MIB"] ?? 1024);
const FILES = Number(process.env["BERTH_BENCH_FILES"] ?? 5000);
const STEPS = ["unpack", "find", "remove", "write", "read"] as const;

type Figures = Record<(typeof STEPS)[number], number>;

const stock = recipeFor("debian:12", "x86_64", "x86_64");
const packages = stock.packages.map((one) => (one === "linux-image-cloud-amd64" ? "linux-image-amd64" : one));
const image = await testImage({ ...stock, packages });
const berth = await Berth.make({ BERTH_SETTING_ENGINE_IDLE_SECONDS: "600" });
try {
  const shared = path.join(berth.home, "shared");
  await mkdir(path.join(shared, "tree"), { recursive: true });
  const names = Array.from({ length: FILES }, (_, at) => path.join(shared, "tree", `file-${at}`));
  for (const name of names) await writeFile(name, "x".repeat(2048));
  await run(["tar", "-cf", path.join(berth.home, "tree.tar"), "-C", shared, "tree"]);
  await run(["rm", "-rf", path.join(shared, "tree")]);
  await berth.ok([
    ...["launch", `file://${image.path}`, "--name", "box", "--cpus", "2", "--memory", "2G"],
    ...["--disk", `${Math.ceil((2 * MIB) / 1024) + 5}G`],
  ]);
  await berth.ok(["transfer", path.join(berth.home, "tree.tar"), "box:tree.tar"]);
  const rows: [string, Figures][] = [["the guest's own disk", await measure("own")]];
  rows.push(["classic (sshfs)", await mounted(shared, "classic")]);
  for (const kind of ["virtiofs", "9p"]) rows.push([`native (${kind})`, await native(shared, kind)]);
  print(rows);
} finally {
  await berth.dispose();
}

async function mounted(shared: string, type: string): Promise<Figures> {
  await berth.ok(["mount", "--type", type, shared, "box:shared"]);
  const figures = await measure("shared");
  await berth.ok(["umount", "box:shared"]);
  return figures;
}

/** The engine offers virtiofs where it finds a virtiofsd, so it is started without one for 9p. */
async function native(shared: string, kind: string): Promise<Figures> {
  await berth.ok(["stop", "box"]);
  await berth.ok(["engine", "drain"]);
  const without = kind === "9p" ? { BERTH_SETTING_QEMU_NATIVE_MOUNTS: "9p" } : {};
  const as = berth.as(without);
  await as.ok(["mount", "--type", "native", shared, "box:shared"]);
  await as.ok(["start", "box"]);
  const found = (
    await as.ok(["exec", "box", "--", "findmnt", "-no", "FSTYPE", "/home/debian/shared"])
  ).trim();
  if (found !== kind) throw new Error(`the guest has ${found}, not ${kind}`);
  const figures = await measure("shared");
  await as.ok(["stop", "box"]);
  await as.ok(["umount", "box:shared"]);
  await as.ok(["start", "box"]);
  return figures;
}

/** Seconds for each step in a directory of the guest; its caches are dropped before each. */
async function measure(folder: string): Promise<Figures> {
  const target = `${folder}/bench`;
  const steps: Record<(typeof STEPS)[number], string> = {
    unpack: `tar --no-same-owner -xf tree.tar -C ${target} && sync`,
    find: `find ${target} -type f -size +0 | wc -l`,
    remove: `rm -r ${target}/tree`,
    write: `dd if=/dev/zero of=${target}/large bs=1M count=${MIB} conv=fsync 2>/dev/null`,
    read: `dd if=${target}/large of=/dev/null bs=1M 2>/dev/null`,
  };
  await inside(`mkdir -p ${target}`);
  const figures = {} as Figures;
  for (const step of STEPS) {
    await inside("sync; echo 3 > /proc/sys/vm/drop_caches");
    const words = await inside(
      `begin=$(date +%s.%N); ${steps[step]} >/dev/null || exit 1; end=$(date +%s.%N); echo "$begin $end"`,
    );
    const [begin = 0, end = 0] = words.trim().split(" ").map(Number);
    figures[step] = end - begin;
  }
  await inside(`rm -r ${target}`);
  return figures;
}

/** As root: in a native mount each file keeps its owner's number. */
function inside(script: string): Promise<string> {
  return berth.ok(["exec", "-n", "box", "--", "sudo", "sh", "-c", script], { timeoutMs: 1_800_000 });
}

function print(rows: readonly [string, Figures][]): void {
  console.log(`seconds (MB/s); ${FILES} files of 2 KiB, ${MIB} MiB at once`);
  console.log(["".padEnd(22), ...STEPS.map((step) => step.padStart(16))].join(""));
  for (const [what, figures] of rows) {
    const cells = STEPS.map((step) => {
      const took = figures[step];
      const rate = step === "write" || step === "read" ? ` (${((MIB * 1.048576) / took).toFixed(0)})` : "";
      return `${took.toFixed(2)}${rate}`.padStart(16);
    });
    console.log([what.padEnd(22), ...cells].join(""));
  }
}
