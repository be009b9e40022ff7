/**
 * `npm run bench:exec`: a command in a guest on a warm connection. The whole of `berth exec NAME -- true` beside a bare
 * `node -e 0`; and what the engine adds, beside a bare ssh2 connection to the same guest, in turns.
 */
import { readFile } from "node:fs/promises";
import ssh2 from "ssh2";
import type { Instance } from "../src/api/instance.ts";
import { deferred } from "../src/base/async.ts";
import { run } from "../src/base/run.ts";
import { connect } from "../src/client/connect.ts";
import { commandLine } from "../src/engine/guest/quote.ts";
import { Berth } from "../test/support/berth.ts";
import { testImage } from "../test/support/guest-image.ts";
import { median, print, type Row, row, text, times } from "./support.ts";

const RUNS = 20;
const ARGV = ["true"];
const MOST_ADDED_MS = 10;

const image = await testImage();
const berth = await Berth.make({ BERTH_SETTING_ENGINE_IDLE_SECONDS: "600" });
try {
  await berth.ok(["launch", `file://${image.path}`, "--name", "box", "--cpus", "2"]);
  const whole = () => berth.ok(["exec", "box", "--", ...ARGV]);
  await times(3, whole);
  const cli = await times(RUNS, whole);
  const node = await times(RUNS, () => run([process.execPath, "-e", "0"]));
  print([
    row(
      "berth exec NAME -- true",
      text(cli, "ms"),
      `node -e 0 ${text(node, "ms")}`,
      median(cli) / median(node),
      "≤ 120 ms",
    ),
    await benchEngine(),
  ]);
} finally {
  await berth.dispose();
}

async function benchEngine(): Promise<Row> {
  const client = await connect({ env: berth.env });
  const { ssh } = await client.api.instances.get({ name: "box" });
  const bare = await bareConnection(ssh);
  const line = commandLine({ argv: ARGV }) ?? "";
  const ours: number[] = [];
  const peer: number[] = [];
  for (let index = -2; index < RUNS; index += 1) {
    const a = await times(1, () => throughEngine(client));
    const b = await times(1, () => bareExec(bare, line));
    if (index < 0) continue; // The first ones warm up both.
    ours.push(...a);
    peer.push(...b);
  }
  bare.end();
  client.dispose();
  const added = median(ours) - median(peer);
  return {
    what: "a kept client's exec",
    value: text(ours, "ms"),
    peer: `bare ssh2 channel ${text(peer, "ms")}`,
    ratio: `+${added.toFixed(1)} ms`,
    target: `≤ +${MOST_ADDED_MS} ms`,
  };
}

async function throughEngine(client: Awaited<ReturnType<typeof connect>>): Promise<void> {
  const child = await client.exec("box", { argv: ARGV });
  child.stdin.end();
  child.stdout.resume();
  child.stderr.resume();
  await child.exited;
}

async function bareConnection(ssh: Instance["ssh"]): Promise<ssh2.Client> {
  if (!ssh) throw new Error("box has no SSH address");
  const client = new ssh2.Client();
  const ready = deferred<void>();
  client.once("ready", ready.resolve).once("error", ready.reject);
  client.connect({
    ...{ host: ssh.host, port: ssh.port, username: ssh.user },
    privateKey: await readFile(ssh.keyFile, "utf8"),
    algorithms: { cipher: { prepend: ["chacha20-poly1305@openssh.com"], append: [], remove: [] } },
  });
  await ready.promise;
  client.setNoDelay(true);
  return client;
}

function bareExec(client: ssh2.Client, line: string): Promise<void> {
  return new Promise((resolve, reject) =>
    client.exec(line, (error, channel) => {
      if (error) return reject(error);
      channel.once("close", () => resolve());
      channel.resume();
      channel.stderr.resume();
      channel.end();
    }),
  );
}
