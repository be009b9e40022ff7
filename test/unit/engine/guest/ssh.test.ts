/** GuestAccess over SSH against a real sshd on this computer. */
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import { buffer, text } from "node:stream/consumers";
import ssh2 from "ssh2";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { deferred } from "../../../../src/base/async.ts";
import { watchCommand } from "../../../../src/client/files/watch.ts";
import type { ExecRequest, GuestAccess } from "../../../../src/engine/guest/guest.ts";
import { generateLogin, type Login } from "../../../../src/engine/guest/keys.ts";
import { createSshGuest } from "../../../../src/engine/guest/ssh-guest.ts";
import { silentLog } from "../../../../src/engine/log.ts";
import { freePort } from "../../../support/free-port.ts";
import { processesWith } from "../../../support/processes.ts";
import { startSshd, type TestSshd } from "../../../support/sshd.ts";

let login: Login;
let directory: string;
let sshd: TestSshd;
let port: number;
let guest: GuestAccess;

const ctx = (ms = 20_000) => ({ signal: AbortSignal.timeout(ms), progress: () => {}, log: silentLog });

function guestWith(hostKey: string, at = port): GuestAccess {
  const target = { host: "127.0.0.1", port: at, user: login.user, privateKey: login.client.privateKey };
  const made = createSshGuest({ ...target, hostKeys: [hostKey], name: "web" }, silentLog);
  onTestFinished(() => made.dispose());
  return made;
}

beforeAll(async () => {
  sshd = await startSshd();
  ({ port, login, directory } = sshd);
  guest = createSshGuest(
    {
      ...{ host: "127.0.0.1", port, user: login.user, privateKey: login.client.privateKey, name: "web" },
      hostKeys: [login.host.publicKey],
    },
    silentLog,
  );
  expect(await guest.waitReady(ctx())).toMatchObject({ cloudInit: "absent" });
});

afterAll(async () => {
  guest?.dispose();
  await sshd?.stop();
});

async function ran(request: ExecRequest, input = "") {
  const child = await guest.exec(ctx(), request);
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { stdout, stderr, exit: await child.exited };
}

test("the cipher and the key exchange are those that an emulated guest is quickest at", async () => {
  const { promise, resolve } = deferred<ssh2.NegotiatedAlgorithms>();
  const server = new ssh2.Server({ hostKeys: [login.host.privateKey] }, (client) => {
    client.on("error", () => {}).once("handshake", resolve);
    client.on("authentication", (context) => context.reject());
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => void server.close());
  const { port: at } = server.address() as net.AddressInfo;
  await expect(guestWith(login.host.publicKey, at).sftp(ctx())).rejects.toThrow("cannot reach web");
  const cipher = "chacha20-poly1305@openssh.com";
  expect(await promise).toMatchObject({
    ...{ kex: "curve25519-sha256", serverHostKey: "ssh-ed25519" },
    ...{ cs: { cipher }, sc: { cipher } },
  });
});

test("streams stay apart, and the exit code is the command's own", async () => {
  expect(await ran({ argv: ["sh", "-c", "cat; echo side >&2; exit 7"] }, "in")).toEqual({
    stdout: "in",
    stderr: "side\n",
    exit: { code: 7 },
  });
});

test("arguments, directory and environment arrive as they were given", async () => {
  const argv = ["sh", "-c", 'printf "%s|" "$@"; pwd; printf "%s" "$A"', "sh", "a b", "$x", "'", ""];
  expect((await ran({ argv, cwd: "/usr", env: { A: "1 '2'" } })).stdout).toBe("a b|$x|'||/usr\n1 '2'");
});

test("an SSH server without SFTP is said to have none", async () => {
  await expect(guest.sftp(ctx())).rejects.toMatchObject({
    code: "not-supported",
    hint: expect.stringContaining("openssh-sftp-server"),
  });
});

test("a watch on files leaves no process behind when its stream has gone", async () => {
  const watched = path.join(directory, "watched");
  await mkdir(watched);
  const child = await guest.exec(ctx(), watchCommand(watched, true) as ExecRequest);
  child.stderr.resume();
  let told = "";
  child.stdout.on("data", (chunk) => (told += chunk));
  const touched = async () => {
    await writeFile(path.join(watched, "file"), "");
    return told;
  };
  await expect.poll(touched).toContain(`CLOSE_WRITE,CLOSE ${watched}/file\n`);
  child.close();
  await expect.poll(() => processesWith(watched), { timeout: 10_000 }).toEqual([]);
});

test("twenty megabytes go through and back unchanged", async () => {
  const bytes = randomBytes(20 * 2 ** 20);
  const child = await guest.exec(ctx(), { argv: ["cat"] });
  child.stderr.resume();
  child.stdin.end(bytes);
  expect((await buffer(child.stdout)).equals(bytes)).toBe(true);
  expect(await child.exited).toEqual({ code: 0 });
});

test("an unread output holds the program back and does not fill memory", async () => {
  const child = await guest.exec(ctx(), { argv: ["yes"] });
  const before = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
  await new Promise((resolve) => setTimeout(resolve, 500));
  const after = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
  expect(after - before).toBeLessThan(16 * 2 ** 20);
  child.close();
  await child.exited.catch(() => {});
});

test("a terminal has the size it was given and follows its window", async () => {
  const child = await guest.exec(ctx(), {
    argv: ["sh", "-c", "stty size; read x; stty size"],
    tty: { cols: 91, rows: 31 },
  });
  let shown = "";
  const seen = new Promise<void>((resolve) => {
    child.stdout.on("data", (chunk: Buffer) => {
      shown += chunk.toString();
      if (shown.includes("31 91")) resolve();
    });
  });
  child.stderr.resume();
  await seen;
  child.resize({ cols: 100, rows: 40 });
  child.stdin.write("\n");
  expect(await child.exited).toEqual({ code: 0 });
  expect(shown).toContain("40 100");
});

test("more commands at once than one connection takes", async () => {
  const all = await Promise.all(Array.from({ length: 20 }, (_, n) => ran({ argv: ["echo", String(n)] })));
  expect(all.map(({ stdout }) => stdout.trim())).toEqual(Array.from({ length: 20 }, (_, n) => String(n)));
});

test("a server with another host key is not talked to", async () => {
  const other = guestWith((await generateLogin("x")).host.publicKey);
  await expect(other.exec(ctx(), { argv: ["true"] })).rejects.toMatchObject({
    code: "guest-unreachable",
    message: "cannot reach web: its host key is not the one it was given",
  });
});

test("nobody there is an error, and waiting for somebody ends with the caller's patience", async () => {
  const nobody = guestWith(login.host.publicKey, await freePort());
  await expect(nobody.exec(ctx(), { argv: ["true"] })).rejects.toMatchObject({ code: "guest-unreachable" });
  await expect(nobody.waitReady(ctx(300))).rejects.toMatchObject({ name: "TimeoutError" });
});

test("a server that never speaks is waited for no longer than the caller wants", async () => {
  const mute = net.createServer((socket) => void socket.on("error", () => {}));
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void mute.close());
  const silent = guestWith(login.host.publicKey, (mute.address() as net.AddressInfo).port);
  await expect(silent.waitReady(ctx(300))).rejects.toMatchObject({ name: "TimeoutError" });
});

test("facts of the guest arrive in one round trip", async () => {
  expect(await guest.details(ctx())).toMatchObject({
    kernel: expect.any(String),
    bootId: expect.any(String),
  });
});

test("a port of the guest is reached through it, and its SSH server without our login", async () => {
  const echo = net.createServer((socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void echo.close());
  const { port: other } = echo.address() as net.AddressInfo;
  const through = await guest.connect(ctx(), other);
  through.end("through");
  expect(await text(through)).toBe("through");

  const server = await guest.connect(ctx(), 22);
  server.end("no SSH\r\n");
  expect(await text(server)).toMatch(/^SSH-2\.0-OpenSSH/);

  await expect(guest.connect(ctx(), await freePort())).rejects.toMatchObject({
    code: "guest-unreachable",
    message: expect.stringContaining("nothing listens there"),
  });
});
