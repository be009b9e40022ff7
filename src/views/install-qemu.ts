/** Which command installs QEMU on this host. Pure. */

export type InstallInputs = {
  platform: NodeJS.Platform;
  arch: "x86_64" | "aarch64";
  /** Package managers that are on PATH. */
  managers: ReadonlySet<string>;
  /** Already root: no sudo. */
  root: boolean;
};

type Recipe = { manager: string; sudo: boolean; command: (arch: InstallInputs["arch"]) => string };

const LINUX: readonly Recipe[] = [
  {
    manager: "apt-get",
    sudo: true,
    command: (arch) =>
      arch === "x86_64"
        ? "apt-get install qemu-system-x86 qemu-utils"
        : "apt-get install qemu-system-arm qemu-efi-aarch64 qemu-utils",
  },
  { manager: "dnf", sudo: true, command: () => "dnf install qemu-kvm qemu-img" },
  { manager: "zypper", sudo: true, command: () => "zypper install qemu-kvm qemu-tools" },
  { manager: "pacman", sudo: true, command: () => "pacman -S qemu-base" },
  {
    manager: "apk",
    sudo: true,
    command: (arch) => `apk add qemu-system-${arch} qemu-img`,
  },
];

const RECIPES: Partial<Record<NodeJS.Platform, readonly Recipe[]>> = {
  linux: LINUX,
  darwin: [
    { manager: "brew", sudo: false, command: () => "brew install qemu" },
    { manager: "port", sudo: true, command: () => "port install qemu" },
  ],
  win32: [
    { manager: "winget", sudo: false, command: () => "winget install --id SoftwareFreedomConservancy.QEMU" },
    { manager: "scoop", sudo: false, command: () => "scoop install qemu" },
    { manager: "choco", sudo: false, command: () => "choco install qemu" },
  ],
};

/** The programs to look for on PATH before asking for the command. */
export function packageManagers(platform: NodeJS.Platform): string[] {
  return (RECIPES[platform] ?? []).map((recipe) => recipe.manager);
}

/** Undefined where no known package manager is there. */
export function installQemuCommand(inputs: InstallInputs): string | undefined {
  const recipes = RECIPES[inputs.platform] ?? [];
  const recipe = recipes.find(({ manager }) => inputs.managers.has(manager));
  if (!recipe) return undefined;
  const command = recipe.command(inputs.arch);
  return recipe.sudo && !inputs.root ? `sudo ${command}` : command;
}
