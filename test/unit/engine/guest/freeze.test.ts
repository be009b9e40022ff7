/** The script that freezes a guest's filesystems, with the real shell and an fsfreeze that only notes what it is told. */
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Child, startChild, which } from "../../../../src/base/run.ts";
import type { Ctx } from "../../../../src/engine/ctx.ts";
import { freezeScript, whileFrozen } from "../../../../src/engine/guest/freeze.ts";
import type { GuestAccess, GuestProcess } from "../../../../src/engine/guest/guest.ts";
import { silentLog } from "../../../../src/engine/log.ts";
import { gone } from "../../../support/berth.ts";

const MOUNTS = `sysfs /sys sysfs rw,nosuid 0 0
/dev/vda1 / ext4 rw,relatime 0 0
/dev/vda1 /var/lib/bound ext4 rw,relatime 0 0
/dev/vdb1 /srv/with\\040space xfs rw,relatime 0 0
/dev/vdc /mnt/read ext4 ro,relatime 0 0
/dev/sr0 /media iso9660 ro 0 0
share /mnt/share 9p rw 0 0
`;

const ctx: Ctx = { signal: AbortSignal.timeout(20_000), progress: () => {}, log: silentLog };
let directory: string;
let mounts: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "berth-freeze-"));
  mounts = path.join(directory, "mounts");
  await writeFile(mounts, MOUNTS);
  // Nothing else is on the script's PATH, so that whatever it does it freezes nothing of this host.
  for (const name of ["sh", "cat", "timeout", "sleep", "true"]) {
    await symlink((await which(name)) ?? "", path.join(directory, name));
  }
  await fake(`echo "$*" >>"${directory}/log"`);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function fake(body: string): Promise<void> {
  const file = path.join(directory, "fsfreeze");
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
}

const done = async () =>
  (await readFile(path.join(directory, "log"), "utf8").catch(() => "")).trim().split("\n");

let child: Child;
/** The guest is a shell on this host. */
const guest: Pick<GuestAccess, "exec"> = {
  exec: async () => {
    child = startChild([path.join(directory, "sh"), "-c", freezeScript(mounts)], {
      env: { PATH: directory },
    });
    const exited = child.exited.then(({ code }) => ({ code: code ?? 1 }));
    const { stdin, stdout, stderr } = child;
    const close = () => void stdin.destroy();
    return { stdin, stdout, stderr, exited, close } as unknown as GuestProcess;
  },
};

test("what is written to on disks is frozen, each once and the root last, while the work is done, and thawed then", async () => {
  const { value, frozen } = await whileFrozen(guest, ctx, done);
  expect(value).toEqual(["-f /srv/with space", "-f /"]);
  expect(frozen).toBe(true);
  expect(await done()).toEqual(["-f /srv/with space", "-f /", "-u /srv/with space", "-u /"]);
});

test("one that cannot be frozen thaws the others, and the work is done all the same", async () => {
  await fake(`echo "$*" >>"${directory}/log"; [ "$*" != "-f /" ]`);
  const { value, frozen } = await whileFrozen(guest, ctx, async () => "done");
  expect([value, frozen]).toEqual(["done", false]);
  await child.exited;
  expect(await done()).toEqual(["-f /srv/with space", "-f /", "-u /srv/with space", "-u /"]);
});

test("a guest whose script was ended meanwhile is not called frozen, and has thawed", async () => {
  const { frozen } = await whileFrozen(guest, ctx, async () => {
    child.kill("SIGTERM");
    child.stdin.end();
    await child.exited;
  });
  expect(frozen).toBe(false);
  expect((await done()).slice(-2)).toEqual(["-u /srv/with space", "-u /"]);
});

test("the guest thaws where the work fails, and where nobody can be reached the work is done", async () => {
  const failed = whileFrozen(guest, ctx, async () => {
    throw new Error("no point");
  });
  await expect(failed).rejects.toThrow("no point");
  await child.exited;
  expect((await done()).slice(-2)).toEqual(["-u /srv/with space", "-u /"]);
  const nobody: Pick<GuestAccess, "exec"> = { exec: () => Promise.reject(new Error("unreachable")) };
  expect(await whileFrozen(nobody, ctx, async () => 7)).toEqual({ value: 7, frozen: false });
});

test("nothing of the script runs on in the guest", async () => {
  const sleeps = path.join(directory, "sleep");
  await rm(sleeps);
  await writeFile(sleeps, `#!/bin/sh\necho $$ >"${directory}/slept"\nexec ${await which("sleep")} "$@"\n`);
  await chmod(sleeps, 0o755);
  const pid = async () => Number(await readFile(path.join(directory, "slept"), "utf8").catch(() => ""));
  const { value } = await whileFrozen(guest, ctx, async () => {
    await expect.poll(pid).toBeGreaterThan(0);
    return pid();
  });
  await gone(value);
});

test("a guest without fsfreeze, or with nothing to freeze, is not frozen", async () => {
  await rm(path.join(directory, "fsfreeze"));
  expect(await whileFrozen(guest, ctx, async () => 1)).toEqual({ value: 1, frozen: false });
  await writeFile(mounts, "tmpfs / tmpfs rw 0 0\n");
  await fake("exit 0");
  expect(await whileFrozen(guest, ctx, async () => 1)).toEqual({ value: 1, frozen: false });
});
