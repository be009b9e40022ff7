/** What `multipass help <command>` says of each: usage, purpose, options and arguments, as Multipass's manual has them. */
import { FORMAT, type HelpText, TIMEOUT } from "./help-words.ts";
import { OTHER_TEXTS, SNAPSHOT_TEXTS } from "./other-help-texts.ts";

/** Of verbs that take instances: without a primary one, a name must be given. */
function names(verb: string, primary: string, more = ""): Pick<HelpText, "arguments"> & { syntax: string } {
  if (primary === "")
    return { syntax: "<name> [<name> ...]", arguments: [["name", `Names of instances to ${verb}.`]] };
  const text = `Names of instances to ${verb}. If omitted, and without the --all option, '${primary}' ${more}will be assumed.`;
  return { syntax: "[<name> ...]", arguments: [["name", text]] };
}

/** `primary` is the name of the primary instance; empty where there is none. Pure. */
export function helpTexts(primary: string): Readonly<Record<string, HelpText>> {
  return { ...instanceTexts(primary), ...guestTexts(primary), ...SNAPSHOT_TEXTS, ...OTHER_TEXTS };
}

function instanceTexts(primary: string): Record<string, HelpText> {
  const start = names("start", primary, "(the configured primary instance name) ");
  const stop = names("stop", primary);
  const restart = names("restart", primary);
  const suspend = names("suspend", primary);
  const made = ` If '${primary}' does not exist but is included in a successful start command (either implicitly or explicitly), it is launched automatically (see \`launch\` for more info).`;
  const startNames = start.arguments?.map(
    ([name, text]) => [name, primary === "" ? text : text + made] as const,
  );
  return {
    launch: launchText(primary),
    start: {
      usage: start.syntax,
      about:
        "Start the named instances. Exits with return code 0\nwhen the instances start, or with an error code if\nany fail to start.",
      options: [["--all", "Start all instances"], TIMEOUT],
      ...(startNames ? { arguments: startNames } : {}),
    },
    stop: {
      usage: stop.syntax,
      about: "Stop the named instances. Exits with return code 0 \nif successful.",
      options: [
        ["--all", "Stop all instances"],
        ["-t, --time <time>", "Time from now, in minutes, to delay shutdown of the instance"],
        ["-c, --cancel", "Cancel a pending delayed shutdown"],
        [
          "--force",
          "Force the instance to shut down immediately. Warning: This could potentially corrupt a running instance, so use with caution.",
        ],
      ],
      arguments: stop.arguments ?? [],
    },
    restart: {
      usage: restart.syntax,
      about:
        "Restart the named instances. Exits with return\ncode 0 when the instances restart, or with an\nerror code if any fail to restart.",
      options: [["--all", "Restart all instances"], TIMEOUT],
      arguments: restart.arguments ?? [],
    },
    suspend: {
      usage: suspend.syntax,
      about: "Suspend the named instances, if running. Exits with\nreturn code 0 if successful.",
      options: [["--all", "Suspend all instances"]],
      arguments: suspend.arguments ?? [],
    },
    delete: {
      usage: "<instance>[.snapshot] [<instance>[.snapshot] ...]",
      about:
        'Delete instances and snapshots. Instances can be purged immediately or later on, with the "purge" command. Until they are purged, instances can be recovered with the "recover" command. Snapshots cannot be recovered after deletion and must be purged at once.',
      options: [
        ["--all", "Delete all instances and snapshots"],
        ["-p, --purge", "Purge specified instances and snapshots immediately"],
      ],
      arguments: [["name", "Names of instances and snapshots to delete"]],
    },
    recover: {
      usage: "<name> [<name> ...]",
      about: "Recover deleted instances so they can be used again.",
      options: [["--all", "Recover all deleted instances"]],
      arguments: [["name", "Names of instances to recover"]],
    },
    purge: { usage: "", about: "Purge all deleted instances permanently, including all their data." },
    clone: {
      usage: "<source_name>",
      about: "Create an independent copy of an existing (stopped) instance.",
      options: [
        [
          "-n, --name <destination-name>",
          'An optional custom name for the cloned instance. The name must follow the usual validity rules (see "help launch"). Default: "<source_name>-cloneN", where N is the Nth cloned instance.',
        ],
      ],
      arguments: [["source_name", "The name of the source instance to be cloned"]],
    },
    list: {
      usage: "",
      about: "List all instances or snapshots which have been created.",
      options: [["--snapshots", "List all available snapshots"], FORMAT],
    },
    info: {
      usage: "<instance>[.snapshot] [<instance>[.snapshot] ...]",
      about: "Display information about instances or snapshots",
      options: [
        [
          "--snapshots",
          "Display detailed information about the snapshots of specified instances. This option has no effect on snapshot arguments. Omit instance/snapshot arguments to obtain detailed information on all the snapshots of all instances.",
        ],
        [
          "--format <format>",
          "Output info in the requested format.\nValid formats are: table (default), json, csv and yaml.",
        ],
      ],
      arguments: [["instance/snapshot", "Names of instances or snapshots to display information about"]],
    },
  };
}

function launchText(primary: string): HelpText {
  const valid =
    "\nValid names must consist of letters, numbers, or hyphens, must start with a letter, and must end with an alphanumeric character.";
  const home =
    primary === ""
      ? "Name for the instance."
      : `Name for the instance. If it is '${primary}' (the configured primary instance name), the user's home directory is mounted inside the newly launched instance, in 'Home'.`;
  const size = (what: string, least: string, usual: string) =>
    `${what} to allocate. Positive integers, in bytes, or decimals, with K, M, G suffix.\nMinimum: ${least}, default: ${usual}.`;
  return {
    usage: "[[<remote:>]<image> | <url>]",
    about: "Create and start a new instance.",
    options: [
      ["-c, --cpus <cpus>", "Number of CPUs to allocate.\nMinimum: 1, default: 1."],
      ["-d, --disk <disk>", size("Disk space", "512M", "5G")],
      ["-m, --memory <memory>", size("Amount of memory", "128M", "1G")],
      ["-n, --name <name>", home + valid],
      [
        "--cloud-init <file> | <url>",
        "Path or URL to a user-data cloud-init configuration, or '-' for stdin",
      ],
      [
        "--network <spec>",
        'Add a network interface to the instance, where <spec> is in the "key=value,key=value" format, with the following keys available:\n name: the network to connect to (required), use the networks command for a list of possible values, or use \'bridged\' to use the interface configured via `multipass set local.bridged-network`.\n mode: auto|manual (default: auto)\n mac: hardware address (default: random).\nYou can also use a shortcut of "<name>" to mean "name=<name>".',
      ],
      ["--bridged", "Adds one `--network bridged` network."],
      ["--zone <zone>", "The zone in which to launch the instance."],
      [
        "--mount <local-path>:<instance-path>",
        "Mount a local directory inside the instance. If <instance-path> is omitted, the mount point will be under /home/ubuntu/<source-dir>, where <source-dir> is the name of the <local-path> directory.",
      ],
      TIMEOUT,
    ],
    arguments: [
      [
        "image",
        "Optional image to launch. If omitted, then the latest Ubuntu LTS will be used.\n<remote> can be either ‘release’ or ‘daily‘. If <remote> is omitted, ‘release’ will be used.\n<image> can be a partial image hash or an Ubuntu release version, codename or alias.\n<url> is a custom image URL that is in http://, https://, or file:// format.",
      ],
    ],
  };
}

function guestTexts(primary: string): Record<string, HelpText> {
  const assumed =
    primary === ""
      ? "Name of the instance to open a shell on."
      : `Name of the instance to open a shell on. If omitted, '${primary}' (the configured primary instance name) will be assumed.`;
  const idMap = (what: string) =>
    `A mapping of ${what} IDs for use in the mount. File and folder ownership will be mapped from <host> to <instance> inside the instance. Can be used multiple times. Mappings can only be specified as a one-to-one relationship.`;
  return {
    shell: {
      usage: primary === "" ? "<name>" : "[<name>]",
      about: "Open a shell prompt on the instance.",
      options: [TIMEOUT],
      arguments: [
        [
          "name",
          `${assumed} If the instance is not running, an attempt is made to start it (see \`start\` for more info).`,
        ],
      ],
    },
    exec: {
      usage: "<name> [--] <command>",
      about: "Run a command on an instance",
      options: [
        ["-d, --working-directory <dir>", "Change to <dir> before execution"],
        ["-n, --no-map-working-directory", "Do not map the host execution path to a mounted path"],
      ],
      arguments: [
        ["name", "Name of instance to execute the command on"],
        ["command", "Command to execute on the instance"],
      ],
    },
    transfer: {
      usage: "<source> [<source> ...] <destination>",
      about: "Copy files and directories between the host and instances.",
      options: [
        ["-r, --recursive", "Recursively copy entire directories"],
        ["-p, --parents", "Make parent directories as needed"],
      ],
      arguments: [
        [
          "source",
          "One or more paths to transfer, prefixed with <name:> for paths inside the instance, or '-' for stdin",
        ],
        [
          "destination",
          "The destination path, prefixed with <name:> for a path inside the instance, or '-' for stdout",
        ],
      ],
    },
    mount: {
      usage: "<source> <target> [<target> ...]",
      about:
        "Mount a local directory inside the instance. If the instance is\nnot currently running, the directory will be mounted\nautomatically on next boot.",
      options: [
        ["-g, --gid-map <host>:<instance>", idMap("group")],
        ["-u, --uid-map <host>:<instance>", idMap("user")],
        [
          "-t, --type <type>",
          "Specify the type of mount to use.\nClassic mounts use technology built into Multipass.\nNative mounts use hypervisor and/or platform specific mounts.\nValid types are: 'classic' (default) and 'native'",
        ],
      ],
      arguments: [
        ["source", "Path of the local directory to mount"],
        [
          "target",
          "Target mount points, in <name>[:<path>] format, where <name> is an instance name, and optional <path> is the mount point. If omitted, the mount point will be under /home/ubuntu/<source-dir>, where <source-dir> is the name of the <source> directory.",
        ],
      ],
    },
    umount: {
      usage: "<mount> [<mount> ...]",
      about: "Unmount a directory from an instance.",
      arguments: [
        [
          "mount",
          "Mount points, in <name>[:<path>] format, where <name> are instance names, and optional <path> are mount points. If omitted, all mounts will be removed from the named instances.",
        ],
      ],
    },
  };
}
