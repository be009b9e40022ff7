/**
 * The real engine over the fake driver as a process, for the command's tests. Guests run commands as processes of
 * this computer; `pty` stands for a program on a terminal: it says its size, tells the bytes it gets, ends at `q`.
 * With `BERTH_FAKE_TERMINALS=real` terminals are real ones, of util-linux's `script`, with a shell that says little.
 * A guest called `mute` runs and answers nothing.
 * With `BERTH_FAKE_NO_KEYCHAIN` the host has none; otherwise that lasts as long as the engine.
 * An instance called `backup-…` shows a backup with one file, `/etc/hostname`.
 * An instance called `never-ready`, or as `BERTH_FAKE_NEVER_READY` says, never is; `never-stops` cannot be stopped gently.
 */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { PassThrough, Writable } from "node:stream";
import { BACKUP_FILES } from "../../src/api/backup.ts";
import { abortable, deferred } from "../../src/base/async.ts";
import { EngineError } from "../../src/base/errors.ts";
import { currentPaths } from "../../src/base/paths.ts";
import { startChild } from "../../src/base/run.ts";
import type { Ctx } from "../../src/engine/ctx.ts";
import type { DriverInstance } from "../../src/engine/drivers/driver.ts";
import type { Running } from "../../src/engine/drivers/running.ts";
import type { ExecRequest, GuestProcess } from "../../src/engine/guest/guest.ts";
import { quote } from "../../src/engine/guest/quote.ts";
import { openLog } from "../../src/engine/log-file.ts";
import { runEngineProcess } from "../../src/engine/server/process.ts";
import { FakeCompose } from "../support/fake-compose.ts";
import { FakeContainerStore } from "../support/fake-container-store.ts";
import { FakeContainerDriver, FakeRuntime } from "../support/fake-containers.ts";
import { connectHere, FakeDriver } from "../support/fake-driver.ts";
import { FakeWorld } from "../support/fake-engine.ts";
import { showsFiles } from "../support/played-helper.ts";
import { sftpHere } from "../support/sftp-here.ts";

class LocalDriver extends FakeDriver {
  override async start(ctx: Ctx, instance: DriverInstance): Promise<Running> {
    const home = await homeOf(instance);
    const running = await super.start(ctx, instance);
    if (instance.name.startsWith("backup-")) return withFilesOfBackup(running, home);
    return instance.name === "mute" ? withoutAnswers(running) : withLocalProcesses(running, home);
  }
}

class LocalContainerDriver extends FakeContainerDriver {
  readonly containerStore = new FakeContainerStore();
  readonly compose = new FakeCompose(this.runtime);

  override async start(ctx: Ctx, instance: DriverInstance): Promise<Running> {
    return withLocalProcesses(await super.start(ctx, instance), await homeOf(instance));
  }
}

async function homeOf({ name }: DriverInstance): Promise<string> {
  const home = path.join(process.env["BERTH_HOME"] ?? "", "guests", name);
  await mkdir(home, { recursive: true });
  return home;
}

function withoutAnswers(running: Running): Running {
  const wait = ({ signal }: Pick<Ctx, "signal">) => abortable(new Promise<never>(() => {}), signal);
  return Object.assign(running, {
    guest: Object.assign(running.guest, { exec: wait, sftp: wait, connect: wait, details: wait }),
  });
}

/** What it shows is in its home; its programs say it of a disk. */
async function withFilesOfBackup(running: Running, home: string): Promise<Running> {
  await mkdir(path.join(home, "root", "etc"), { recursive: true });
  await writeFile(path.join(home, "root", "etc", "hostname"), "web\n");
  running.guest.sftp = async () => sftpHere(home, BACKUP_FILES);
  return running;
}

/** Commands begin in a directory of the guest's own, its home. Sockets of its own are what its files `net` and `ss` say. */
function withLocalProcesses(running: Running, home: string): Running {
  const real = process.env["BERTH_FAKE_TERMINALS"] === "real";
  running.guest.exec = async (_ctx, request) =>
    request.tty ? (real ? onTerminal : terminal)(request, home) : local(request, home);
  running.guest.sftp = async () => sftpHere(home);
  const { connect } = running.guest;
  running.guest.connect = (ctx, port) =>
    port === 22 ? connect.call(running.guest, ctx, port) : connectHere(port);
  return running;
}

/** The script that looks for sockets, with files for the kernel's tables and a text for what ss prints. */
function withOwnSockets(word: string): string {
  return word
    .replaceAll(/(?:\/proc\/net\/(?:tcp|udp)6? ?)+/g, "net ")
    .replace("sudo -n ss -tulnpH", "cat ss");
}

function local({ argv, cwd = ".", env }: ExecRequest, home: string): GuestProcess {
  const child = startChild((argv ?? ["sh"]).map(withOwnSockets), {
    cwd: path.resolve(home, cwd),
    ...(env ? { env: { ...env } } : {}),
  });
  const exited = child.exited.then(({ code, signal }) =>
    signal ? { signal: signal.slice(3) } : { code: code ?? 0 },
  );
  exited.catch(() => {});
  return {
    ...{ stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exited },
    resize: () => {},
    signal: (name) => child.kill(`SIG${name}`),
    close: () => child.kill("SIGKILL"),
  };
}

/** The shell's size is what it began with. */
function onTerminal(request: ExecRequest, home: string): GuestProcess {
  const { cols = 80, rows = 24 } = request.tty ?? {};
  const words = request.argv ?? ["env", "PS1=$ ", "ENV=", "sh"];
  const command = `stty rows ${rows} cols ${cols}; exec ${words.map(quote).join(" ")}`;
  return local({ ...request, argv: ["script", "-qfec", command, "/dev/null"] }, home);
}

function terminal({ tty, term, argv }: ExecRequest): GuestProcess {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const exited = deferred<{ code?: number; signal?: string }>();
  const say = (text: string) => void stdout.write(`${text}\r\n`);
  const end = (exit: { code?: number; signal?: string }) => {
    stdout.end();
    stderr.end();
    exited.resolve(exit);
  };
  say(`${argv?.join(" ") ?? "login"} on ${term} ${tty?.cols}x${tty?.rows}`);
  const stdin = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      for (const byte of chunk) {
        say(`byte ${byte}`);
        if (byte === 0x71) end({ code: 3 });
      }
      done();
    },
  });
  return {
    ...{ stdin, stdout, stderr, exited: exited.promise },
    resize: ({ cols, rows }) => say(`now ${cols}x${rows}`),
    signal: (name) => end({ signal: name }),
    close: () => end({ signal: "HUP" }),
  };
}

const paths = currentPaths();
const world = FakeWorld.at(process.env["BERTH_HOME"] ?? "");
const runtime = new FakeRuntime();
world.host.knobsOf.set(process.env["BERTH_FAKE_NEVER_READY"] ?? "never-ready", { ready: "never" });
world.host.knobsOf.set("never-stops", { stop: "never" });
world.host.knobsOf.set("hostile", { ready: new EngineError("driver-failed", "\u001b[2Jcleared\u0007") });
if (process.env["BERTH_FAKE_NO_KEYCHAIN"]) world.keychain.problem = "there is none in this test";
world.repository = { worker: path.join(__dirname, "repository-worker.js") };
showsFiles(world.host);
world.images.entries = JSON.parse(process.env["BERTH_FAKE_IMAGES"] ?? "[]");
void runEngineProcess({
  paths,
  version: "0.0.0-fake",
  openLog: () => openLog({ file: paths.log, level: "debug" }),
  openCore: (log) =>
    world.open({
      ...{ paths, log, env: process.env, version: "0.0.0-fake" },
      drivers: () => [new LocalDriver(world.host), new LocalContainerDriver(runtime)],
    }),
});
