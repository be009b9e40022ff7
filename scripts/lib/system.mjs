// Programs of the system: which are missing, and the command that installs them here.
import { accessSync, constants, existsSync } from "node:fs";
import path from "node:path";
import { say, sh } from "./steps.mjs";

/** What is needed for what, as the programs or files to look for and the package that brings each, by manager. */
const NEEDS = {
  run: [
    {
      program: process.arch === "arm64" ? "qemu-system-aarch64" : "qemu-system-x86_64",
      "apt-get": process.arch === "arm64" ? "qemu-system-arm qemu-efi-aarch64" : "qemu-system-x86",
      dnf: process.arch === "arm64" ? "qemu-system-aarch64 edk2-aarch64" : "qemu-system-x86",
      pacman: "qemu-base",
      zypper: "qemu-x86",
      brew: "qemu",
      winget: "SoftwareFreedomConservancy.QEMU",
    },
    {
      program: "qemu-img",
      "apt-get": "qemu-utils",
      dnf: "qemu-img",
      pacman: "qemu-img",
      zypper: "qemu-tools",
      brew: "qemu",
      winget: "SoftwareFreedomConservancy.QEMU",
    },
    { program: "xz", "apt-get": "xz-utils", dnf: "xz", pacman: "xz", zypper: "xz", brew: "xz" },
  ],
  buildImages: [
    { program: "mmdebstrap", "apt-get": "mmdebstrap" },
    { program: "mke2fs", "apt-get": "e2fsprogs" },
    { program: "mformat", "apt-get": "mtools" },
    { program: "mkfs.fat", "apt-get": "dosfstools" },
    { program: "sfdisk", "apt-get": "fdisk" },
    { program: "grub-mkimage", "apt-get": "grub-common" },
    { file: "/usr/lib/grub/i386-pc", "apt-get": "grub-pc-bin" },
    { file: "/usr/lib/grub/x86_64-efi", "apt-get": "grub-efi-amd64-bin" },
    { program: "zstd", "apt-get": "zstd" },
  ],
  test: [
    { program: "isoinfo", "apt-get": "genisoimage" },
    { program: "swtpm", "apt-get": "swtpm" },
    { file: "/usr/share/OVMF/OVMF_CODE_4M.fd", "apt-get": "ovmf" },
    { program: "qemu-system-aarch64", "apt-get": "qemu-system-arm" },
    { file: "/usr/share/AAVMF/AAVMF_CODE.fd", "apt-get": "qemu-efi-aarch64" },
    { program: "blkid", "apt-get": "util-linux" },
    { program: "ssh", "apt-get": "openssh-client" },
    { program: "sshd", "apt-get": "openssh-server" },
    { file: "/usr/lib/openssh/sftp-server", "apt-get": "openssh-sftp-server" },
    { program: "openssl", "apt-get": "openssl" },
    { program: "restic", "apt-get": "restic" },
    { program: "rclone", "apt-get": "rclone" },
    { program: "swift-proxy-server", "apt-get": "swift-proxy" },
    { program: "swift-account-server", "apt-get": "swift-account" },
    { program: "swift-container-server", "apt-get": "swift-container" },
    { program: "swift-object-server", "apt-get": "swift-object" },
    { program: "inotifywait", "apt-get": "inotify-tools" },
    { program: "rsync", "apt-get": "rsync" },
    { program: "ip", "apt-get": "iproute2" },
    { program: "nsenter", "apt-get": "util-linux" },
    { program: "dnsmasq", "apt-get": "dnsmasq-base" },
    { program: "python3", "apt-get": "python3" },
    { file: "/usr/lib/qemu/qemu-bridge-helper", "apt-get": "qemu-system-common" },
    { file: "/usr/share/doc/busybox-static", "apt-get": "busybox-static" },
    { program: "chromium", "apt-get": "chromium" },
    { file: "/usr/share/fonts/truetype/dejavu", "apt-get": "fonts-dejavu-core" },
  ],
  workbench: [],
  containers: [
    { program: "dockerd", "apt-get": "docker.io" },
    { program: "podman", "apt-get": "podman" },
    { program: "runc", "apt-get": "runc" },
    { file: "/usr/lib/podman/netavark", "apt-get": "netavark" },
    { file: "/usr/lib/podman/aardvark-dns", "apt-get": "aardvark-dns" },
    { program: "iptables", "apt-get": "iptables" },
    { program: "docker-registry", "apt-get": "docker-registry" },
    { program: "docker-compose", "apt-get": "docker-compose" },
    { program: "podman-compose", "apt-get": "podman-compose" },
    { program: "unshare", "apt-get": "util-linux" },
  ],
};

/** Debian starts the services that it installs, unless it is told not to; what a test needs, the test starts. */
const WITHOUT_SERVICES = `
set -e
if [ ! -e "$0" ]; then
  trap 'rm -f "$0"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > "$0"
  chmod 755 "$0"
fi
"$@"
`;

const MANAGERS = {
  "apt-get": {
    update: ["apt-get", "update", "-q"],
    install: [
      ...["sh", "-c", WITHOUT_SERVICES, "/usr/sbin/policy-rc.d"],
      ...["apt-get", "install", "-y", "-q", "--no-install-recommends"],
    ],
  },
  dnf: { install: ["dnf", "install", "-y"] },
  pacman: { install: ["pacman", "-S", "--noconfirm", "--needed"] },
  zypper: { install: ["zypper", "--non-interactive", "install"] },
  brew: { install: ["brew", "install"], asRoot: false },
  winget: {
    install: [
      "winget",
      "install",
      "--exact",
      "--silent",
      "--accept-package-agreements",
      "--accept-source-agreements",
    ],
    asRoot: false,
  },
};

/**
 * The commands that install what is missing, in order. Pure: `missing` are needs, `manager` one of MANAGERS.
 * Needs that the manager has no package for are told back in `unknown`.
 */
export function planInstall(missing, manager, { root }) {
  const packages = [...new Set(missing.flatMap((need) => (need[manager] ? need[manager].split(" ") : [])))];
  const unknown = missing.filter((need) => !need[manager]).map((need) => need.program ?? need.file);
  if (packages.length === 0) return { packages, commands: [], unknown };
  const { update, install, asRoot = true } = MANAGERS[manager];
  const prefix = asRoot && !root ? ["sudo"] : [];
  // winget takes one package a call.
  const installs =
    manager === "winget" ? packages.map((name) => [...install, name]) : [[...install, ...packages]];
  return {
    packages,
    commands: [...(update ? [update] : []), ...installs].map((argv) => [...prefix, ...argv]),
    unknown,
  };
}

/** Installs what `kinds` of NEEDS lack, saying what. Rejects where no known package manager is there. */
export async function installSystem(kinds) {
  const needs = kinds.flatMap((kind) => NEEDS[kind]);
  const missing = needs.filter((need) => !present(need));
  if (missing.length === 0) return;
  const manager = Object.keys(MANAGERS).find((name) => findProgram(name));
  const names = missing.map((need) => need.program ?? need.file).join(", ");
  if (!manager)
    throw new Error(
      `cannot install ${names}: no known package manager was found. Install them, then try again.`,
    );
  const { packages, commands, unknown } = planInstall(missing, manager, { root: process.getuid?.() === 0 });
  if (packages.length > 0) say(`missing: ${names}; installing with ${manager}: ${packages.join(" ")}`);
  for (const argv of commands) {
    // A package list that cannot be renewed may still be good enough for the install that follows.
    const isUpdate = argv.includes("update");
    await sh(argv, {
      quiet: true,
      env: { DEBIAN_FRONTEND: "noninteractive" },
      allowFailure: isUpdate,
      input: argv[0] === "sudo" ? "inherit" : "ignore",
    });
  }
  if (unknown.length > 0)
    say(`not installed, for ${manager} has no package known to Berth: ${unknown.join(", ")}`);
}

function present(need) {
  return need.file ? existsSync(need.file) : findProgram(need.program) !== undefined;
}

/** Where installers put programs that a user's PATH may lack. */
const EXTRA =
  process.platform === "win32"
    ? ["C:\\Program Files\\qemu"]
    : ["/usr/sbin", "/sbin", "/opt/homebrew/bin", "/usr/local/bin"];

export function findProgram(name) {
  const endings = process.platform === "win32" ? [".exe", ".cmd", ".bat"] : [""];
  for (const folder of [...(process.env.PATH ?? "").split(path.delimiter), ...EXTRA]) {
    for (const ending of endings) {
      const file = path.join(folder, name + ending);
      try {
        accessSync(file, process.platform === "win32" ? constants.F_OK : constants.X_OK);
        return file;
      } catch {
        // Look on.
      }
    }
  }
  return undefined;
}
