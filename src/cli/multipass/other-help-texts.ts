/** The texts of commands that are not about an instance itself. */
import { FORMAT, type HelpText, TIMEOUT } from "./help-words.ts";

const COMMON_KEYS =
  "Some common settings keys are:\n  - client.primary-name\n  - local.driver\n  - local.privileged-mounts\n\nUse `multipass get --keys` to obtain the full list of available settings at any given time.";

export const SNAPSHOT_TEXTS: Record<string, HelpText> = {
  snapshot: {
    usage: "instance",
    about: "Take a snapshot of an instance that can later be restored to recover the current state.",
    options: [
      [
        "-n, --name <name>",
        'An optional name for the snapshot, subject to the same validity rules as instance names (see `help launch`). Default: "snapshotN", where N is one plus the number of snapshots that were ever taken for <instance>.',
      ],
      [
        "--comment, -c, -m <comment>",
        "An optional free comment to associate with the snapshot. (Hint: quote the text to avoid spaces being parsed by your shell)",
      ],
    ],
    arguments: [["instance", "The instance to take a snapshot of."]],
  },
  restore: {
    usage: "<instance>.<snapshot>",
    about: "Restore an instance to the state of a previously taken snapshot.",
    options: [["-d, --destructive", "Discard the current state of the instance"]],
    arguments: [
      [
        "instance.snapshot",
        "The instance to restore and snapshot to use, in <instance>.<snapshot> format, where <instance> is the name of an instance, and <snapshot> is the name of a snapshot",
      ],
    ],
  },
};

export const OTHER_TEXTS: Record<string, HelpText> = {
  alias: {
    usage: "<definition> [<name>]",
    about: "Create an alias to be executed on a given instance.",
    options: [
      [
        "-n, --no-map-working-directory",
        "Do not automatically map the host execution path to a mounted path",
      ],
    ],
    arguments: [
      ["definition", "Alias definition in the form <instance>:<command>"],
      ["name", "Name given to the alias being defined, defaults to <command>"],
    ],
  },
  aliases: {
    usage: "",
    about: "List available aliases",
    options: [
      [
        "--format <format>",
        "Output list in the requested format. Valid formats are: table (default), json, csv and yaml. The output working directory states whether the alias runs in the instance's default directory or the alias running directory should try to be mapped to a mounted one.",
      ],
    ],
  },
  unalias: {
    usage: "<name> [<name> ...]",
    about: "Remove aliases",
    options: [["--all", "Remove all aliases from current context"]],
    arguments: [["name", "Names of aliases to remove"]],
  },
  prefer: {
    usage: "<name>",
    about: "Switch the current alias context. If it does not exist, create it before switching.",
    arguments: [["name", "Name of the context to switch to"]],
  },
  authenticate: {
    usage: "[<passphrase>]",
    about:
      "Authenticate with the Multipass service.\nA system administrator should provide you with a passphrase\nto allow use of the Multipass service.",
    arguments: [
      [
        "passphrase",
        "Passphrase to register with the Multipass service. If omitted, a prompt will be displayed for entering the passphrase.",
      ],
    ],
  },
  find: {
    usage: "[<remote:>][<string>]",
    about:
      "Lists available images matching <string> for creating instances from.\nWith no search string, lists all aliases for supported releases.",
    options: [
      ["--show-unsupported", "Show unsupported cloud images as well"],
      FORMAT,
      ["--force-update", "Force the image information to update from the network"],
    ],
    arguments: [
      [
        "string",
        "An optional value to search for in [<remote:>]<string> format, where <remote> can be either ‘release’ or ‘daily’. If <remote> is omitted, it will search ‘release‘ first, and if no matches are found, it will then search ‘daily‘. <string> can be a partial image hash or a release version, codename or alias.",
      ],
    ],
  },
  networks: {
    usage: "",
    about:
      "List host network devices (physical interfaces, virtual switches, bridges)\navailable to integrate with using the `--network` switch to the `launch`\ncommand.",
    options: [FORMAT],
  },
  zones: {
    usage: "",
    about: "List all availability zones, along with their availability status.",
    options: [FORMAT],
  },
  "enable-zones": {
    usage: "<zone> [<zone> ...]",
    about:
      "Makes the given availability zones available. Instances therein are\nstarted if they were running when their zone was last disabled.",
    options: [["--all", "Enable all zones"]],
    arguments: [["zone", "Name of the zones to make available"]],
  },
  "disable-zones": {
    usage: "<zone> [<zone> ...]",
    about:
      "Makes the given availability zones unavailable. Instances therein are\nforcefully switched off and remain unavailable until their zone is\nre-enabled (simulating a loss of availability on a cloud provider).",
    options: [
      ["--all", "Disable all zones"],
      ["--force", "Do not ask for confirmation"],
    ],
    arguments: [["zone", "Name of the zones to make unavailable"]],
  },
  get: {
    usage: "[<arg>]",
    about: `Get the configuration setting corresponding to the given key, or all settings if no key is specified.\n(Support for multiple keys and wildcards coming...)\n\n${COMMON_KEYS}`,
    options: [
      [
        "--raw",
        'Output in raw format. For now, this affects only the representation of empty values (i.e. "" instead of "<empty>").',
      ],
      [
        "--keys",
        "List available settings keys. This outputs the whole list of currently available settings keys, or just <arg>, if provided and a valid key.",
      ],
    ],
    arguments: [["arg", "Setting key, i.e. path to the intended setting."]],
  },
  set: {
    usage: "<key>[=<value>]",
    about: `Set, to the given value, the configuration setting corresponding to the given key.\n\n${COMMON_KEYS}`,
    arguments: [
      [
        "keyval",
        "A key, or a key-value pair. The key specifies a path to the setting to configure. The value is its intended value. If only the key is given, the value will be prompted for.",
      ],
    ],
  },
  help: {
    usage: "[<command>]",
    about: "Display help about a command",
    arguments: [["command", "Name of command to display help for"]],
  },
  version: {
    usage: "",
    about: "Display version information about the multipass command\nand daemon.",
    options: [
      [
        "--format <format>",
        "Output version information in the requested format.\nValid formats are: table (default), json, csv and yaml.",
      ],
    ],
  },
  "wait-ready": {
    usage: "",
    about:
      "Wait for the Multipass daemon to be ready. This command will block until the\ndaemon has initialized, fetched up-to-date image information, and is ready to\naccept requests. Its main use is to prevent failures caused by incomplete\ninitialization in batch operations. An optional timeout aborts the command if\nreached.",
    options: [TIMEOUT],
  },
};
