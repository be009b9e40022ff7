/**
 * What a locally built image is made of. Pure: a recipe is data, and its hash names everything that goes into the
 * image except the packages' versions.
 */
import { createHash } from "node:crypto";
import type { Arch } from "../../api/instance.ts";
import { EngineError } from "../../base/errors.ts";

export type Recipe = {
  /** `debian:12` */
  reference: string;
  os: string;
  release: string;
  codename: string;
  user: string;
  arch: Arch;
  packages: readonly string[];
  /** Path in the image → contents, mode 0644. */
  files: Readonly<Record<string, string>>;
  virtualBytes: number;
};

const DEBIAN: Record<string, { codename: string; extra: readonly string[] }> = {
  "12": { codename: "bookworm", extra: ["systemd-resolved", "systemd-timesyncd"] },
  "13": { codename: "trixie", extra: ["systemd-resolved", "systemd-timesyncd"] },
};

/** A stock cloud image's job with little beside it: boots on virtio, set up by cloud-init, entered by SSH. */
const PACKAGES = [
  "linux-image-cloud-amd64",
  "initramfs-tools",
  "zstd",
  "systemd-sysv",
  "udev",
  "dbus",
  "cloud-init",
  "cloud-guest-utils",
  "fdisk",
  "e2fsprogs",
  "netplan.io",
  "openssh-server",
  "sudo",
  "sshfs",
  "ca-certificates",
  "iproute2",
  "iputils-ping",
  "procps",
  "kmod",
  "curl",
  "less",
  "nano",
] as const;

export const ROOT_LABEL = "cloudimg-rootfs";

/** The names of all recipes, for messages. */
export const RECIPE_NAMES: readonly string[] = Object.keys(DEBIAN).map((release) => `debian:${release}`);

/**
 * The recipe of `debian:12`, `debian:bookworm` or `debian`. Throws `not-found` for others and `not-supported` for a
 * guest architecture that packages cannot be configured for on this host.
 */
export function recipeFor(name: string, arch: Arch, host: Arch): Recipe {
  const [os = "", wanted = "12"] = name.toLowerCase().split(":");
  const release = Object.keys(DEBIAN).find((key) => key === wanted || DEBIAN[key]?.codename === wanted);
  const row = os === "debian" && release !== undefined ? DEBIAN[release] : undefined;
  if (!row || release === undefined) {
    throw new EngineError("not-found", `cannot build ${name}: there is no recipe of that name`, {
      hint: `Build one of ${RECIPE_NAMES.join(", ")}.`,
    });
  }
  if (arch !== "x86_64" || host !== "x86_64") {
    throw new EngineError(
      "not-supported",
      `cannot build ${name} for ${arch}: only x86_64 on x86_64 is built`,
      {
        hint: "Launch a published image instead, such as `berth launch debian`.",
      },
    );
  }
  return {
    reference: `debian:${release}`,
    os: "Debian",
    release,
    codename: row.codename,
    user: "debian",
    arch,
    packages: [...PACKAGES, ...row.extra],
    files: FILES,
    virtualBytes: 2 * 2 ** 30,
  };
}

/** Part of every recipe's hash: grows with what `build.ts` and `boot-disk.ts` do to an image. */
const BUILD_VERSION = 2;

/** SHA-256 over everything the recipe says, lower-case hex. */
export function recipeHash(recipe: Recipe): string {
  return createHash("sha256")
    .update(JSON.stringify([BUILD_VERSION, recipe]))
    .digest("hex");
}

/** What may stay loaded in the initial RAM disk: the disks that hypervisors offer. A full one doubles the boot time. */
const INITRAMFS_MODULES = [
  "virtio_pci",
  "virtio_blk",
  "virtio_scsi",
  "sd_mod",
  "ahci",
  "ata_piix",
  "nvme",
  "ext4",
];

/** Read by initramfs-tools while packages are configured, so these exist before the kernel is installed. */
export const EARLY_FILES: Readonly<Record<string, string>> = {
  "/etc/initramfs-tools/conf.d/berth": "MODULES=list\nCOMPRESS=zstd\n",
  "/etc/initramfs-tools/modules": `${INITRAMFS_MODULES.join("\n")}\n`,
};

/** The kernel is found through the links that its package keeps, so a kernel upgrade in the guest just works. */
const GRUB_CFG = `set timeout=0
set default=0
search --no-floppy --label --set=root ${ROOT_LABEL}
menuentry "Linux" {
  linux /vmlinuz root=LABEL=${ROOT_LABEL} ro console=tty0 console=ttyS0,115200n8
  initrd /initrd.img
}
`;

const FILES: Readonly<Record<string, string>> = {
  "/etc/fstab": `LABEL=${ROOT_LABEL} / ext4 defaults,errors=remount-ro 0 1\n`,
  "/etc/hostname": "localhost\n",
  "/etc/hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n",
  "/boot/grub/grub.cfg": GRUB_CFG,
  "/etc/cloud/cloud.cfg.d/01_berth.cfg": [
    "#cloud-config",
    "datasource_list: [ NoCloud, ConfigDrive, None ]",
    "apt:",
    "  preserve_sources_list: true",
    "manage_etc_hosts: true",
    "",
  ].join("\n"),
  // Built into the C library, so the locales package is not needed, and cloud-init finds nothing to generate.
  "/etc/default/locale": "LANG=C.UTF-8\n",
};
