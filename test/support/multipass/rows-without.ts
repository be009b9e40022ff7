/** Rows that need no instance: empty shapes, help, settings, and what no command line may be. */
import { FORMATS, formats, type Row } from "./row.ts";

const usage = (args: string[], err: RegExp): Row => ({ args, code: 1, err });
const unknown = (args: string[]): Row => ({
  args,
  code: 2,
  err: /failed: instance "nosuch" does not exist\n$/,
});

const EMPTY: Row[] = [
  { args: ["list"], out: "No instances found.\n" },
  { args: ["ls"], out: "No instances found.\n" },
  { args: ["list", "--format", "json"], out: '{\n    "list": [\n    ]\n}\n' },
  { args: ["list", "--format", "csv"], out: "Name,State,IPv4,Release,AllIPv4,Zone,Zone available\n" },
  { args: ["list", "--format", "yaml"], out: "\n" },
  { args: ["list", "--no-ipv4"], out: "No instances found.\n" },
  { args: ["list", "--snapshots"], out: "No snapshots found.\n" },
  { args: ["list", "--snapshots", "--format", "csv"], out: "Instance,Snapshot,Parent,Comment\n" },
  { args: ["list", "--snapshots", "--format", "yaml"], out: "\n" },
  { args: ["info"], out: "No instances found.\n" },
  { args: ["info", "--snapshots"], out: "No snapshots found.\n" },
  {
    args: ["info", "--all"],
    out: "No instances found.\n",
    err: /^Warning: the `--all` flag for the `info` command is deprecated/,
  },
  { args: ["info", "--format", "json"], out: '{\n    "errors": [\n    ],\n    "info": {\n    }\n}\n' },
  { args: ["info", "--format", "csv"], out: "" },
  { args: ["info", "--format", "yaml"], out: "errors:\n  - ~\n" },
  { args: ["aliases"], out: "No aliases defined.\n" },
  { args: ["purge"], out: "" },
  ...["start", "stop", "restart", "suspend", "recover", "delete"].map(
    (verb): Row => ({ args: [verb, "--all"], out: "" }),
  ),
];

const HELP: Row[] = [
  { args: [], code: 2, out: /^Usage: multipass \[options\] <command>\n/, err: /^/ },
  { args: ["help"], out: /\n {2}shell +Open a shell on an instance\n/ },
  { args: ["--help"], out: /^Usage: multipass \[options\] <command>\n/ },
  { args: ["-h"], out: /^Usage: multipass \[options\] <command>\n/ },
  {
    args: ["help", "launch"],
    out: /^Usage: multipass launch \[options\] \[\[<remote:>\]<image> \| <url>\]\n/,
  },
  { args: ["launch", "--help"], out: /^Usage: multipass launch / },
  { args: ["help", "connect"], out: /^Usage: multipass shell / },
  { args: ["help", "nosuch"], code: 1, err: /^Error: Unknown Command 'nosuch' \(try "multipass help"\)\n$/ },
  { args: ["--version"], out: /^\d+\.\d+/ },
  { args: ["-V"], out: /^\d+\.\d+/ },
  ...["-v", "-vv", "-vvv", "-vvvv", "--verbose"].map(
    (flag): Row => ({ args: ["list", flag], out: "No instances found.\n" }),
  ),
];

const LISTS: Row[] = [
  ...formats(["version"], {
    table: /^multipass {3}\d.*\nmultipassd {2}\d/,
    csv: "Multipass,Multipassd,Title,Description,URL",
    word: ".",
  }),
  ...formats(["find"], {
    table:
      /^Image +Aliases +Version +Description\n24\.04 +lts,noble,ubuntu +20250101 +Ubuntu 24\.04 LTS\n(.+\n)+\n$/,
    csv: "Image,Remote,Aliases,OS,Release,Version,Type",
    word: "noble",
  }),
  { args: ["find", "noble"], out: /^Image .*\n24\.04 / },
  { args: ["find", "release:noble"], out: /^Image .*\n24\.04 / },
  { args: ["find", "nothing-like-it"], out: "No images found.\n" },
  { args: ["find", "--show-unsupported"], out: /^Image / },
  { args: ["find", "--force-update"], out: /^Image / },
  { args: ["find", "--only-images"], out: /^Image / },
  { args: ["find", "--only-blueprints"], out: "No blueprints found.\n" },
  usage(["find", "--only-images", "--only-blueprints"], /^find failed: Specify only one of/),
  usage(["find", "a:b:c"], /^find failed: Invalid remote and search string supplied\n$/),
  ...FORMATS.map((format): Row => ({ args: ["networks", "--format", format], out: /^/ })),
  ...formats(["zones"], {
    table: /^Name {4}State {8}Subnet\nzone1 {3}Available {4}10\./,
    csv: "Name,Available,Subnet",
    word: "zone1",
  }),
  ...FORMATS.map(
    (format): Row => usage(["list", "--format", `${format}x`], /^Invalid format type given\.\n$/),
  ),
];

const SETTINGS: Row[] = [
  {
    args: ["get", "--keys"],
    out: "client.primary-name\nlocal.bridged-network\nlocal.driver\nlocal.image.mirror\nlocal.passphrase\nlocal.privileged-mounts\n",
  },
  { args: ["get", "--keys", "local.driver"], out: "local.driver\n" },
  { args: ["get", "client.primary-name"], out: "primary\n" },
  { args: ["get", "local.driver"], out: "qemu\n" },
  { args: ["get", "local.bridged-network"], out: "<empty>\n" },
  { args: ["get", "local.bridged-network", "--raw"], out: "\n" },
  { args: ["get", "local.image.mirror"], out: "<empty>\n" },
  { args: ["get", "local.passphrase"], out: "false\n" },
  { args: ["get", "local.privileged-mounts"], out: "true\n" },
  usage(["get"], /^get failed: Multiple settings not implemented yet/),
  usage(["get", "no.such"], /^get failed: Unrecognized settings key: 'no\.such'\n$/),
  usage(["set"], /./),
  usage(["set", "no.such=1"], /^set failed: Unrecognized settings key: 'no\.such'\n$/),
  usage(["set", "local.driver"], /^set failed: no value is given\n$/),
  usage(["set", "local.driver=lxd"], /^set failed: Invalid setting 'local\.driver=lxd': /),
  usage(["set", "local.image.mirror=http://mirror.test/"], /https/),
  usage(["set", "local.bridged-network=nosuch0"], /is no network of this host/),
  usage(["set", "local.privileged-mounts=maybe"], /Invalid flag, need "true" or "false"/),
  usage(["set", "client.primary-name=-x"], /Invalid instance name supplied/),
  unknown(["get", "local.nosuch.cpus"]),
  unknown(["set", "local.nosuch.cpus=2"]),
  { args: ["authenticate", "x"], code: 2, err: /^authenticate failed: Passphrase is not set/ },
  { args: ["set", "local.passphrase=secret"] },
  { args: ["get", "local.passphrase"], out: "true\n" },
  { args: ["auth", "secret"], out: "" },
  { args: ["authenticate", "wrong"], code: 2, err: /^authenticate failed: Passphrase is not correct/ },
  usage(["authenticate"], /^authenticate failed: no passphrase is given/),
  { args: ["set", "local.passphrase="] },
  { args: ["wait-ready"], out: "" },
  { args: ["wait-ready", "--timeout", "60"], out: "" },
  usage(
    ["wait-ready", "--timeout", "soon"],
    /--timeout value has to be a positive integer|not a valid number/,
  ),
];

const NOBODY: Row[] = [
  ...[
    "start",
    "stop",
    "restart",
    "suspend",
    "delete",
    "recover",
    "info",
    "clone",
    "snapshot",
    "umount",
    "unmount",
    "shell",
    "sh",
    "connect",
  ].map((verb) => unknown([verb, "nosuch"])),
  unknown(["exec", "nosuch", "--", "true"]),
  unknown(["restore", "nosuch.snapshot1", "--destructive"]),
  unknown(["delete", "nosuch.snapshot1", "--purge"]),
  unknown(["mount", "$TMP", "nosuch"]),
  unknown(["transfer", "$TMP/file", "nosuch:"]),
  unknown(["alias", "nosuch:ls", "x"]),
  {
    args: ["start", "nosuch", "nosuch2"],
    code: 2,
    err: /^start failed: The following errors occurred:\ninstance "nosuch" does not exist\ninstance "nosuch2" does not exist\n$/,
  },
  ...["delete", "recover", "unalias"].map((verb) =>
    usage([verb], /^\w+ failed: Name argument or --all is required\n$/),
  ),
  ...["start", "stop", "restart", "suspend", "delete", "recover", "unalias", "info"].map((verb) =>
    usage([verb, "--all", "nosuch"], /failed: Cannot specify name when --all option set\n$/),
  ),
  ...["enable-zones", "disable-zones"].flatMap((verb): Row[] => [
    usage([verb], /Name argument or --all is required\n$/),
    usage([verb, "--all", "zone1"], /Cannot specify name when --all option set\n$/),
    { args: [verb, ...(verb === "disable-zones" ? ["--force"] : []), "nosuch"], code: 2, err: /nosuch/ },
  ]),
  usage(["disable-zones", "zone1"], /Unable to query client for confirmation/),
  { args: ["disable-zones", "3", "--force"], out: "Zone disabled: zone3\n" },
  { args: ["zones"], out: /\nzone3 {3}Unavailable {2}10\./ },
  { args: ["enable-zones", "zone3"], out: "Zone enabled: zone3\n" },
  { args: ["disable-zones", "--all", "--force"], out: "All zones disabled\n" },
  { args: ["enable-zones", "--all"], out: "All zones enabled\n" },
  usage(["nosuchcommand"], /^Error: Unknown Command 'nosuchcommand' \(try "multipass help"\)\n$/),
  usage(["list", "--nosuch"], /^Unknown option 'nosuch'\.\n$/),
  usage(
    ["exec", "nosuch", "-l"],
    /^Unknown option 'l'\.\n\nOptions to the inner command should come after "--"/,
  ),
  usage(["exec", "nosuch"], /^Wrong number of arguments/),
  usage(
    ["exec", "nosuch", "-d", "/", "-n", "--", "true"],
    /^exec failed: Options --working-directory and --no-map-working-directory clash\n$/,
  ),
  usage(["exec", "nosuch", "--working-directory", "/", "--no-map-working-directory", "--", "true"], /clash/),
  usage(["restore", "nosuch"], /^restore failed: Need the name of a snapshot to restore from\.\n$/),
  usage(["restore", ".x"], /^restore failed: Need the name of an instance to restore\.\n$/),
  usage(["alias", "nosuch"], /^alias failed: /),
  usage(["alias", "nosuch:ls", "list"], /^alias failed: /),
  usage(["unalias", "nosuch"], /^unalias failed: Nonexistent alias: nosuch\.\n$/),
  usage(["stop", "nosuch", "-t", "soon"], /^error: Time must be in digit form\n$/),
  usage(
    ["stop", "nosuch", "--time", "1", "--cancel"],
    /^stop failed: Cannot set 'time' and 'cancel' options at the same time\n$/,
  ),
  usage(
    ["stop", "nosuch", "--force", "-c"],
    /^stop failed: Cannot set 'force' along with 'time' or 'cancel' options at the same time\n$/,
  ),
  ...["start", "restart", "shell", "launch"].map((verb) =>
    usage([verb, "--timeout", "-1"], /^error: --timeout value has to be a positive integer\n$/),
  ),
  usage(["mount", "$TMP", "nosuch", "--uid-map", "x"], /^error: /),
  usage(["mount", "$TMP", "nosuch", "--gid-map", "x"], /^error: /),
  usage(["mount", "$TMP", "nosuch", "--type", "other"], /^error: /),
  usage(["transfer", "$TMP/file"], /^transfer failed: /),
  usage(["transfer", "$TMP/file", "$TMP/other"], /^transfer failed: /),
  usage(["transfer", "-", "-"], /^transfer failed: /),
];

const LAUNCHES: Row[] = [
  usage(["launch", "--memory", "1CiG"], /^launch failed: 1CiG is not a valid memory size\n$/),
  usage(
    ["launch", "--mem", "1CiG"],
    /^Warning: the "--mem" long option is deprecated.*\nlaunch failed: 1CiG is not a valid memory size\n$/,
  ),
  usage(["launch", "--disk", "6CiG"], /^launch failed: 6CiG is not a valid memory size\n$/),
  usage(["launch", "--memory", "-1G"], /^launch failed: -1G is not a valid memory size\n$/),
  usage(["launch", "--memory", "1M"], /^launch failed: 1M is too small a memory size\n$/),
  usage(["launch", "--disk", "1M"], /^launch failed: 1M is too small a disk size\n$/),
  usage(["launch", "--disk", "99999999999999999999G"], /is not a valid memory size\n$/),
  { args: ["launch", "--disk", "900T"], code: 2, err: /^launch failed: .*disk/ },
  { args: ["launch", "--memory", "900T"], code: 2, err: /^launch failed: .*memory/ },
  { args: ["launch", "--cpus", "500"], code: 2, err: /^launch failed: .*500 CPUs/ },
  usage(["launch", "--cpus", "0"], /^error: 0 is not a valid number of CPUs\n$/),
  usage(["launch", "--cpus", "-1"], /^error: -1 is not a valid number of CPUs\n$/),
  ...["1nvalid-name", "invalid.name", "invalid$name", "invalid-name-", "-x"].map((name) =>
    usage(["launch", `--name=${name}`], /^launch failed: Invalid instance name supplied: /),
  ),
  {
    args: ["launch", "nosuchimage"],
    code: 2,
    err: /launch failed: Unable to find an image matching "nosuchimage"\n$/,
  },
  {
    args: ["launch", "--network", "no-such-0"],
    code: 2,
    err: /^launch failed: this host has no network no-such-0\n$/,
  },
  { args: ["launch", "--bridged"], code: 2, err: /^launch failed: no network is set that bridged means\n$/ },
  usage(
    ["launch", "--network", "mode=auto"],
    /^launch failed: Bad network definition, need at least a 'name' field\n$/,
  ),
  usage(
    ["launch", "--network", "name=a,mode=b"],
    /^launch failed: Bad network mode 'b', need 'auto' or 'manual'\n$/,
  ),
  { args: ["launch", "--zone", "nosuch"], code: 2, err: /^launch failed: .*nosuch/ },
  usage(["launch", "--cloud-init", "/no/such/file"], /^launch failed: .*\/no\/such\/file/),
  {
    args: ["launch", "--cloud-init", "-"],
    input: "#cloud-config\na: [1\nb: 2\n",
    code: 1,
    err: /^launch failed: .*line \d+, column \d+/,
  },
  usage(["launch", "--mount", "/no/such/place"], /^launch failed: .*\/no\/such\/place/),
  { args: ["list"], out: "No instances found.\n" },
];

export const ROWS_WITHOUT: readonly Row[] = [
  ...EMPTY,
  ...HELP,
  ...LISTS,
  ...SETTINGS,
  ...NOBODY,
  ...LAUNCHES,
];
