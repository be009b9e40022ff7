import os from "node:os";

/** Whose process this is, as keys, locks and backups say it. A system may have no name for its user. */
export function whoAmI(): { username: string; hostname: string; uid: number; gid: number } {
  const hostname = os.hostname();
  try {
    const { username, uid, gid } = os.userInfo();
    return { username, hostname, uid, gid };
  } catch {
    return { username: "", hostname, uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 };
  }
}
