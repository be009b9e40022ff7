/** SFTP servers that refuse, lie or talk nonsense; and what inotify's lines mean. */
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { deferred, sleep } from "../../../src/base/async.ts";
import { PACKET, PacketWriter, STATUS } from "../../../src/base/sftp-packets.ts";
import { GuestFiles } from "../../../src/client/files/guest-files.ts";
import { FileSessions } from "../../../src/client/files/sessions.ts";
import { Sftp } from "../../../src/client/files/sftp.ts";
import { changeOf, watchCommand } from "../../../src/client/files/watch.ts";
import { played, status } from "../../support/played-sftp.ts";

const statWith = async (answer: (id: number) => Buffer | undefined) =>
  new GuestFiles(await Sftp.on(played(answer))).stat("/etc/shadow").catch((error: unknown) => error);

test("refusals have their kind and name the path", async () => {
  expect(await statWith(status(STATUS.permissionDenied, "Permission denied"))).toMatchObject({
    kind: "no-permission",
    message: "/etc/shadow: permission denied",
  });
  expect(await statWith(status(STATUS.noSuchFile, ""))).toMatchObject({ kind: "not-found" });
  expect(await statWith(status(STATUS.failure, "No space left"))).toMatchObject({
    kind: "failed",
    message: "/etc/shadow: No space left",
  });
});

test("nonsense, an answer of another kind, and a closed door end in an error", async () => {
  expect(await statWith((id) => new PacketWriter(PACKET.handle).uint32(id).text("h").packet())).toMatchObject(
    {
      kind: "failed",
    },
  );
  for (const lie of [Buffer.from([0, 0, 0, 0]), Buffer.alloc(8, 0xff), new PacketWriter(1).packet()]) {
    expect(await statWith(() => lie)).toMatchObject({ code: "guest-unreachable" });
  }
  expect(await statWith(() => undefined)).toMatchObject({ code: "guest-unreachable" });
});

test("a server that is none is said to be so", async () => {
  const connection = played(() => undefined);
  (connection.stdout as PassThrough).write(new PacketWriter(PACKET.status).uint32(1).packet());
  await expect(Sftp.on(connection)).rejects.toThrow("no SFTP server");
});

test("silence has an end, in the greeting and after it", async () => {
  const never = () => Buffer.alloc(0);
  const silent = { ...played(never), stdin: new PassThrough() };
  await expect(Sftp.on(silent, 50)).rejects.toThrow("not answered for 0.05 s");
  const sftp = await Sftp.on(played(never), 50);
  await expect(sftp.stat("/x")).rejects.toThrow("not answered for 0.05 s");
  await sftp.ended;
});

test("a connection is shared, made anew when it was lost, and closed when nobody has asked for a while", async () => {
  const opened: Sftp[] = [];
  const open = async () => {
    const sftp = await Sftp.on(played(status(STATUS.noSuchFile, "")));
    opened.push(sftp);
    return sftp;
  };
  const sessions = new FileSessions(open, 30);
  const ask = () => sessions.use("web", (files) => files.stat("/x").catch(() => "asked"));
  expect(await Promise.all([ask(), ask()])).toEqual(["asked", "asked"]);
  expect(opened).toHaveLength(1);
  await opened[0]?.ended; // Nobody asked.
  const ending = deferred<void>();
  const long = sessions.use("web", () => ending.promise);
  await expect.poll(() => opened.length).toBe(2);
  expect(await Promise.race([opened[1]?.ended, sleep(100).then(() => "still there")])).toBe("still there");
  ending.resolve();
  await long;
  await opened[1]?.ended;
  await ask();
  expect(opened).toHaveLength(3);
  sessions.dispose();
  await opened[2]?.ended;
});

test("a connection that could not be made is tried again", async () => {
  let attempts = 0;
  const sessions = new FileSessions(async () => {
    attempts += 1;
    if (attempts === 1) throw new Error("not yet");
    return Sftp.on(played(status(STATUS.noSuchFile, "")));
  });
  const ask = () => sessions.use("web", (files) => files.stat("/x"));
  await expect(ask()).rejects.toThrow("not yet");
  await expect(ask()).rejects.toMatchObject({ kind: "not-found" });
  sessions.dispose();
});

test.each([
  ["CREATE,ISDIR /home/u/new", { path: "/home/u/new", what: "created" }],
  ["CREATE /home/u/a b", { path: "/home/u/a b", what: "created" }],
  ["MOVED_TO /home/u/x", { path: "/home/u/x", what: "created" }],
  ["MOVED_FROM /home/u/x", { path: "/home/u/x", what: "deleted" }],
  ["DELETE,ISDIR /home/u/x/", { path: "/home/u/x", what: "deleted" }],
  ["CLOSE_WRITE,CLOSE /home/u/x", { path: "/home/u/x", what: "changed" }],
  ["ATTRIB /home/u/", { path: "/home/u", what: "changed" }],
  ["IGNORED /home/u/x", undefined],
  ["CREATE relative", undefined],
  ["DELETE /elsewhere", undefined],
  ["DELETE /home/ursula", undefined],
  ["", undefined],
] as const)("%s", (line, change) => {
  expect(changeOf(line, "/home/u")).toEqual(change);
});

test("the root is watched like any other directory", () => {
  expect(changeOf("ATTRIB /", "/")).toEqual({ path: "/", what: "changed" });
  expect(changeOf("CREATE /x", "/")).toEqual({ path: "/x", what: "created" });
});

test("no name, new lines included, makes a change of what is not watched", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (name) => {
      for (const line of `DELETE /home/u/${name}`.split("\n")) {
        const change = changeOf(line, "/home/u");
        if (change) expect(`${change.path}/`.startsWith("/home/u/")).toBe(true);
      }
    }),
  );
});

test("a path is never part of the script", () => {
  expect(watchCommand("/a; rm -rf /", true).argv?.slice(3)).toEqual(["sh", "1", "/a; rm -rf /"]);
});
