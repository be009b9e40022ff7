import { execFile } from "node:child_process";
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  BadPacket,
  MAX_PACKET_BYTES,
  PACKET,
  PacketWriter,
  STATUS,
} from "../../../../src/base/sftp-packets.ts";
import { SftpClient, SftpError } from "../../../support/sftp-client.ts";

const exec = promisify(execFile);
const WRITE = 2 | 8;

let outside: string;
let root: string;
let client: SftpClient;

beforeEach(async () => {
  outside = await mkdtemp(path.join(tmpdir(), "berth-sftp-"));
  root = path.join(outside, "shared");
  await mkdir(root);
  await writeFile(path.join(outside, "secret"), "secret");
});
afterEach(async () => {
  await client?.dispose();
  await rm(outside, { recursive: true, force: true });
});

const refused = (code: number) => new SftpError(code);

describe.each([true, false])("by open directories: %s", (handles) => {
  const uid = process.getuid?.() ?? 0;
  beforeEach(async () => {
    client = await SftpClient.open(root, { handles, uids: [{ host: uid, guest: 1234 }] });
  });

  test("files are made, written, read, listed, renamed and removed", async () => {
    await client.ask(PACKET.mkdir, (writer) => writer.text("/d").uint32(4).uint32(0o750));
    await client.write("/d/a", "hello");
    expect(await client.read("/d/a")).toBe("hello");
    expect(await readFile(path.join(root, "d/a"), "utf8")).toBe("hello");
    expect(await client.stat("/d/a")).toMatchObject({ size: 5, uid: 1234, gid: 1234, mode: 0o100644 });
    expect((await stat(path.join(root, "d"))).mode & 0o777).toBe(0o750);
    await client.write("/d/b", "other");
    expect(await client.names("/d")).toEqual(["a", "b"]);
    const both = (writer: PacketWriter) => writer.text("/d/a").text("/d/b");
    await expect(client.ask(PACKET.rename, both)).rejects.toThrow(refused(STATUS.failure));
    await client.extended("posix-rename@openssh.com", both);
    expect(await client.read("/d/b")).toBe("hello");
    await client.extended("hardlink@openssh.com", (writer) => writer.text("/d/b").text("/d/c"));
    expect((await stat(path.join(root, "d/b"))).nlink).toBe(2);
    await expect(client.ask(PACKET.rmdir, (writer) => writer.text("/d"))).rejects.toThrow(SftpError);
    for (const name of ["b", "c"]) await client.ask(PACKET.remove, (writer) => writer.text(`/d/${name}`));
    await client.ask(PACKET.rmdir, (writer) => writer.text("/d"));
    expect(await readdir(root)).toEqual([]);
  });

  test("the whole of a long listing, of long reads and of names that are no UTF-8 comes through", async () => {
    for (let n = 0; n < 250; n += 1) await writeFile(path.join(root, `f${n}`), "");
    expect(await client.names("/")).toHaveLength(250);
    const odd = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe, 0x80])]);
    await writeFile(odd, "odd");
    expect(await client.read("/\xff\xfe\x80")).toBe("odd");
    const handle = await client.open("/f1", WRITE);
    await client.ask(PACKET.write, (writer) =>
      writer
        .data(handle)
        .uint64(2 ** 33)
        .data(Buffer.from("far")),
    );
    await client.close(handle);
    expect((await client.stat("/f1")).size).toBe(2 ** 33 + 3);
  });

  test("mode, size and times are set, and a program for another user cannot be left", async () => {
    await client.write("/f", "12345678");
    const change = (flags: number, write: (writer: PacketWriter) => PacketWriter) =>
      client.ask(PACKET.setstat, (writer) => write(writer.text("/f").uint32(flags)));
    await change(4, (writer) => writer.uint32(0o104755));
    expect((await stat(path.join(root, "f"))).mode & 0o7777).toBe(0o755);
    await change(1, (writer) => writer.uint64(3));
    await change(8, (writer) => writer.uint32(1_000_000_000).uint32(1_000_000_001));
    expect(await client.stat("/f")).toMatchObject({ size: 3, modified: 1_000_000_001 });
    await change(2, (writer) => writer.uint32(1234).uint32(1234));
    await expect(change(2, (writer) => writer.uint32(0x7777).uint32(1234))).rejects.toThrow(
      refused(STATUS.permissionDenied),
    );
  });

  test("a file of somebody who is nobody in the guest is nobody's", async () => {
    await writeFile(path.join(root, "f"), "");
    if (uid === 0) await chown(path.join(root, "f"), 4321, 4321);
    const other = await SftpClient.open(root, { handles, uids: [] });
    expect(await other.stat("/f")).toMatchObject({ uid: 65_534, gid: 65_534 });
    await other.dispose();
  });

  test.runIf(uid === 0)("what root makes belongs to whom the directory around it belongs", async () => {
    await chown(root, 4321, 4322);
    await client.write("/f", "");
    await client.ask(PACKET.mkdir, (writer) => writer.text("/d").uint32(0));
    await client.ask(PACKET.symlink, (writer) => writer.text("f").text("/l"));
    for (const name of ["f", "d", "l"]) {
      expect(await lstat(path.join(root, name))).toMatchObject({ uid: 4321, gid: 4322 });
    }
  });

  test("no path leads out: not upwards, not through a link, not by a link as the last name", async () => {
    await symlink("..", path.join(root, "up"));
    await symlink("../secret", path.join(root, "link"));
    const out = ["/../secret", "/up/secret", "/up/../secret", "/link", "/./../secret", "../secret"];
    for (const name of out) {
      await expect(client.read(name), name).rejects.toThrow(SftpError);
      await expect(client.write(name, "spoilt"), name).rejects.toThrow(SftpError);
      await expect(
        client.ask(PACKET.setstat, (writer) => writer.text(name).uint32(1).uint64(0)),
        name,
      ).rejects.toThrow(SftpError);
      await expect(
        client.ask(PACKET.setstat, (writer) => writer.text(name).uint32(4).uint32(0o777)),
        name,
      ).rejects.toThrow(SftpError);
    }
    for (const name of ["/up/made", "/../made"]) {
      await expect(client.write(name, ""), name).rejects.toThrow(SftpError);
      await expect(
        client.ask(PACKET.mkdir, (writer) => writer.text(name).uint32(0)),
        name,
      ).rejects.toThrow(SftpError);
    }
    await expect(client.names("/up")).rejects.toThrow(SftpError);
    await expect(
      client.extended("posix-rename@openssh.com", (writer) => writer.text("/link").text("/up/moved")),
    ).rejects.toThrow(SftpError);
    await client.extended("hardlink@openssh.com", (writer) => writer.text("/link").text("/hard"));
    expect((await lstat(path.join(root, "hard"))).isSymbolicLink()).toBe(true);
    await client.ask(PACKET.remove, (writer) => writer.text("/link"));
    expect(await readFile(path.join(outside, "secret"), "utf8")).toBe("secret");
    expect((await stat(path.join(outside, "secret"))).mode & 0o777).toBe(0o644 & ~process.umask());
    expect(await readdir(outside)).toEqual(["secret", "shared"]);
  });

  test("links are told as they are, those to a place within as the guest can follow them", async () => {
    const target = async (name: string) => {
      const { reader } = await client.ask(PACKET.readlink, (writer) => writer.text(name));
      expect(reader.uint32()).toBe(1);
      return reader.text();
    };
    await mkdir(path.join(root, "d"));
    await symlink(path.join(root, "x/y"), path.join(root, "d/inside"));
    await symlink(outside, path.join(root, "outside"));
    await client.ask(PACKET.symlink, (writer) => writer.text("../a b").text("/d/made"));
    expect(await target("/d/inside")).toBe("../x/y");
    expect(await target("/outside")).toBe(outside);
    expect(await readlink(path.join(root, "d/made"))).toBe("../a b");
  });

  test("pipes are shown, and not opened", async () => {
    await exec("mkfifo", [path.join(root, "pipe")]);
    expect((await client.stat("/pipe")).mode & 0o170000).toBe(0o010000);
    await expect(client.read("/pipe")).rejects.toThrow(SftpError);
    await expect(client.write("/pipe", "x")).rejects.toThrow(SftpError);
  });

  test("a directory that is swapped for a link while it is walked never leads out", async () => {
    await mkdir(path.join(root, "d"));
    await writeFile(path.join(root, "d/secret"), "harmless");
    await symlink(outside, path.join(root, "l"));
    // This host's own processes are kept out by handles alone; other guests are so everywhere.
    const other = await SftpClient.open(root, { handles });
    const move = (from: string, to: string) =>
      handles
        ? rename(path.join(root, from), path.join(root, to))
        : other.extended("posix-rename@openssh.com", (writer) => writer.text(`/${from}`).text(`/${to}`));
    let swapping = true;
    const swaps = (async () => {
      while (swapping) {
        await move("d", "t");
        await move("l", "d");
        await move("d", "l");
        await move("t", "d");
      }
    })();
    const seen = new Set<string>();
    for (let n = 0; n < 400; n += 1) {
      seen.add(await client.read("/d/secret").catch((error: Error) => error.message));
    }
    swapping = false;
    await swaps;
    await other.dispose();
    expect(seen).not.toContain("secret");
    expect(seen).toContain("harmless");
  });
});

test("the directory is found again when it was replaced on the host", async () => {
  client = await SftpClient.open(root);
  await rename(root, `${root}-old`);
  await mkdir(root);
  await writeFile(path.join(root, "new"), "");
  expect(await client.names("/")).toEqual(["new"]);
  await rm(root, { recursive: true });
  await symlink(`${root}-old`, root);
  await expect(client.names("/")).rejects.toThrow(SftpError);
});

test("handles are bounded, and closed with the session", async () => {
  client = await SftpClient.open(root);
  await client.write("/f", "x");
  const before = (await readdir("/proc/self/fd")).length;
  for (let n = 0; n < 8192; n += 1) await client.open("/f", 1);
  await expect(client.open("/f", 1)).rejects.toThrow(refused(STATUS.failure));
  await client.dispose();
  expect((await readdir("/proc/self/fd")).length).toBeLessThanOrEqual(before);
}, 60_000);

test("a guest that speaks something else is left", async () => {
  client = await SftpClient.open(root);
  client.toServer.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 1]));
  await expect(client.served).rejects.toThrow(BadPacket);
  const second = await SftpClient.open(root);
  const long = Buffer.alloc(4);
  long.writeUInt32BE(MAX_PACKET_BYTES + 1);
  second.toServer.write(long);
  await expect(second.served).rejects.toThrow(BadPacket);
});

test("the signal ends it while it waits", async () => {
  const ending = new AbortController();
  client = await SftpClient.open(root, { signal: ending.signal });
  ending.abort();
  await client.served;
});

test("whatever a guest sends is answered, or ends the session", async () => {
  await writeFile(path.join(root, "f"), "x");
  const field = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom("/", "/f", "/../secret", "\0", "/f/f", "").map((text) => Buffer.from(text)),
  );
  const packet = fc
    .tuple(fc.constantFrom(...Object.values(PACKET), 0, 255), fc.array(field, { maxLength: 4 }))
    .map(([type, fields]) => {
      const writer = new PacketWriter(type).uint32(7);
      for (const one of fields) writer.data(one);
      return writer.packet();
    });
  await fc.assert(
    fc.asyncProperty(fc.array(packet, { minLength: 1, maxLength: 8 }), async (packets) => {
      const own = await SftpClient.open(root);
      for (const one of packets) own.toServer.write(one);
      own.toServer.end();
      own.fromServer.resume();
      const outcome = await own.served.catch((error: unknown) => error);
      expect(outcome === undefined || outcome instanceof BadPacket).toBe(true);
      expect(await readFile(path.join(outside, "secret"), "utf8")).toBe("secret");
    }),
    { numRuns: 150 },
  );
});

test("OpenSSH's own client works with it", async () => {
  const main = path.resolve(import.meta.dirname, "../../../support/sftp-main.ts");
  const local = path.join(outside, "local");
  await writeFile(local, "from here");
  await chmod(local, 0o755);
  const batch = path.join(outside, "batch");
  const lines = [
    `put -p ${local} a`,
    "mkdir d",
    "rename a d/b",
    "ln -s b d/l",
    "ls -l d",
    `get d/b ${local}2`,
    "df",
  ];
  await writeFile(batch, `${lines.join("\n")}\n`);
  const { stdout } = await exec("sftp", ["-b", batch, "-D", `${process.execPath} ${main} ${root}`]);
  expect(await readFile(`${local}2`, "utf8")).toBe("from here");
  expect((await stat(path.join(root, "d/b"))).mode & 0o777).toBe(0o755);
  expect(await readlink(path.join(root, "d/l"))).toBe("b");
  expect(stdout).toMatch(/b/);
}, 30_000);
