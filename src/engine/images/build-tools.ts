/** What a build needs of this host, and where its packages come from. */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { EngineError } from "../../base/errors.ts";
import { which } from "../../base/run.ts";
import { parseDeb822Sources, parseSourcesList, sourcesFor } from "./apt-sources.ts";

/** Debian's keyring, where its package puts it on the host and in the guest. */
export const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
export const GRUB = "/usr/lib/grub";

/** Tool or file → the package that brings it. */
const NEEDED: readonly [string, string][] = [
  ["mmdebstrap", "mmdebstrap"],
  ["timeout", "coreutils"],
  ["unshare", "util-linux"],
  ["tar", "tar"],
  ["sfdisk", "fdisk"],
  ["mke2fs", "e2fsprogs"],
  ["mformat", "mtools"],
  ["mcopy", "mtools"],
  ["grub-mkimage", "grub-common"],
  [`${GRUB}/i386-pc/boot.img`, "grub-pc-bin"],
  [`${GRUB}/x86_64-efi/normal.mod`, "grub-efi-amd64-bin"],
  ["qemu-img", "qemu-utils"],
  [KEYRING, "debian-archive-keyring"],
];
/** Without root, a user namespace stands in for it. */
const NEEDED_UNPRIVILEGED: readonly [string, string][] = [["newuidmap", "uidmap"]];

/** The system tools' directories are missing from the PATH of ordinary users. */
export function toolEnvironment(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return { PATH: [env["PATH"], "/usr/sbin", "/sbin"].filter(Boolean).join(path.delimiter) };
}

/** Throws `missing-dependency` with the one command that installs everything that is absent. */
export async function requireBuildTools(what: string, root: boolean): Promise<void> {
  const missing = new Set<string>();
  for (const [tool, owner] of root ? NEEDED : [...NEEDED, ...NEEDED_UNPRIVILEGED]) {
    if (!(await present(tool))) missing.add(owner);
  }
  if (missing.size === 0) return;
  const packages = [...missing];
  throw new EngineError("missing-dependency", `cannot build ${what}: ${packages.join(", ")} not installed`, {
    hint: `Run \`sudo apt-get install ${packages.join(" ")}\`, then try again.`,
    details: { packages },
  });
}

async function present(tool: string): Promise<boolean> {
  if (path.isAbsolute(tool)) {
    const names = await readdir(path.dirname(tool)).catch((): string[] => []);
    return names.includes(path.basename(tool));
  }
  return (await which(tool, toolEnvironment())) !== undefined;
}

/** The `deb …` lines of the host's own apt for `codename`; empty where the host is no Debian. */
export async function hostSources(codename: string, etc = "/etc"): Promise<string[]> {
  const release = await readText(path.join(etc, "os-release"));
  if (!/^ID="?debian"?$/m.test(release)) return [];
  const hostCodename = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(release)?.[1] ?? "";
  const folder = path.join(etc, "apt/sources.list.d");
  const sources = parseSourcesList(await readText(path.join(etc, "apt/sources.list")));
  for (const name of (await readdir(folder).catch((): string[] => [])).sort()) {
    if (name.endsWith(".list")) sources.push(...parseSourcesList(await readText(path.join(folder, name))));
    if (name.endsWith(".sources"))
      sources.push(...parseDeb822Sources(await readText(path.join(folder, name))));
  }
  return sourcesFor(sources, codename, hostCodename, KEYRING);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch {
    return ""; // Absent on other distributions, or not for us to read: the tool's own default applies.
  }
}
