/** Rows against an instance `web` that runs, is the primary one, and shows `$TMP/shown` as /srv/shown. */
import { FIRST_BOOT_DATA } from "../vm-world.ts";
import { formats, type Row } from "./row.ts";

const refused = (args: string[], err: RegExp, code = 2): Row => ({ args, code, err });

/** Makes it. */
export const LAUNCH: readonly Row[] = [
  { args: ["set", "client.primary-name=web"] },
  {
    args: [
      "launch",
      "noble",
      "-n",
      "web",
      "-c",
      "2",
      "-m",
      "768M",
      "-d",
      "6G",
      "--cloud-init",
      "-",
      "--mount",
      "$TMP/shown:/srv/shown",
      "--zone",
      "zone2",
      "--timeout",
      "900",
    ],
    input: FIRST_BOOT_DATA,
    out: /^Launched: web in zone2\nMounted '.*' into 'web:Home'\n$/,
  },
  refused(
    ["launch", "noble", "--name", "web", "--cpus", "1", "--memory", "512M", "--disk", "6G"],
    /^launch failed: instance "web" already exists\n$/,
  ),
];

const SHOWN: Row[] = [
  ...formats(["list"], {
    table: /^Name {20}State {13}IPv4 {13}Image {15}Zone\nweb {21}Running {11}10\./,
    csv: "Name,State,IPv4,Release,AllIPv4,Zone,Zone available",
    word: "web",
  }),
  {
    args: ["ls", "--format", "csv"],
    out: /^web,Running,10\.\d+\.\d+\.\d+,Ubuntu 24\.04 LTS,"10\.[\d.,]+",zone2,true$/m,
  },
  { args: ["list", "--no-ipv4", "--format", "csv"], out: /^web,Running,,Ubuntu 24\.04 LTS,"",zone2,true$/m },
  ...formats(["info", "web"], {
    table:
      /^Name: {11}web\nState: {10}Running\nZone: {11}zone2\nSnapshots: {6}0\nIPv4: {11}10\.(.|\n)*\nMounts: {9}/,
    csv: "Name,State,Zone,Zone available,Ipv4,Release,Image hash,Image release,Load,Disk usage,Disk total,Memory usage,Memory total,Mounts,AllIPv4,CPU(s),Snapshots",
    word: "Home",
  }),
  { args: ["info"], out: /^Name: {11}web\n(.|\n)*\nCPU\(s\): {9}2\nLoad: {11}\d/ },
  { args: ["info", "--no-runtime-information"], out: /\nCPU\(s\): {9}--\nLoad: {11}--\n/ },
  { args: ["info", "--all"], out: /^Name: {11}web\n/ },
  { args: ["info", "web", "--snapshots"], out: "No snapshots found.\n" },
  { args: ["get", "--keys"], out: /^local\.web\.cpus\nlocal\.web\.disk\nlocal\.web\.memory$/m },
  { args: ["get", "local.web.cpus"], out: "2\n" },
  { args: ["get", "local.web.memory"], out: "768.0MiB\n" },
  { args: ["get", "local.web.disk", "--raw"], out: "6.0GiB\n" },
];

const EXEC: Row[] = [
  {
    args: ["exec", "web", "--", "sh", "-c", "cat; echo side >&2; exit 33"],
    input: "in",
    code: 33,
    out: "in",
    err: /^side\n$/,
  },
  { args: ["exec", "web", "hostname"], out: "web\n" },
  { args: ["exec", "web", "-d", "/etc", "--", "pwd"], out: "/etc\n" },
  { args: ["exec", "--working-directory", "/etc", "web", "--", "pwd"], out: "/etc\n" },
  { args: ["exec", "web", "--", "pwd"], cwd: "$TMP/shown/sub", out: "/srv/shown/sub\n" },
  { args: ["exec", "web", "-n", "--", "pwd"], cwd: "$TMP/shown/sub", out: "/home/ubuntu\n" },
  {
    args: ["exec", "web", "--no-map-working-directory", "--", "pwd"],
    cwd: "$TMP/shown/sub",
    out: "/home/ubuntu\n",
  },
  refused(["exec", "web", "--", "no-such-program"], /not found/, 127),
  { args: ["shell", "web"], input: "exit 42\n", code: 42, err: /^/ },
  { args: ["sh"], input: "echo $((40 + 2))\n", out: /^42$/m },
  { args: ["connect", "web", "--timeout", "600"], input: "true\n" },
];

const ALIASES: Row[] = [
  { args: ["alias", "web:whoami", "wai"] },
  { args: ["wai"], out: "ubuntu\n" },
  { args: ["default.wai"], out: "ubuntu\n" },
  refused(["alias", "web:ls", "wai"], /^alias failed: alias 'wai' already exists\n$/),
  { args: ["prefer", "other"] },
  { args: ["alias", "web:pwd", "-n"] },
  { args: ["pwd"], cwd: "$TMP/shown", out: "/home/ubuntu\n" },
  { args: ["alias", "web:pwd", "here", "--no-map-working-directory"] },
  { args: ["alias", "web:echo", "say"] },
  { args: ["say", "--", "-n", "hello"], out: "hello" },
  ...formats(["aliases"], {
    table:
      /^Alias {3}Instance {3}Command {3}Context {3,}Working directory\nwai {5}web {8}whoami {4}default +map\n/,
    csv: "Alias,Instance,Command,Working directory,Context",
    word: "whoami",
  }),
  { args: ["unalias", "default.wai"] },
  refused(["wai"], /^Error: Unknown Command 'wai'/, 1),
  { args: ["unalias", "--all"] },
  { args: ["prefer", "default"] },
  { args: ["aliases"], out: "No aliases defined.\n" },
  { args: ["alias", "web:true", "gone-with-it"] },
];

const TRANSFER: Row[] = [
  { args: ["transfer", "$TMP/file", "web:"] },
  { args: ["exec", "web", "--", "cat", "file"], out: "of the host\n" },
  { args: ["transfer", "web:file", "$TMP/back"] },
  { args: ["copy-files", "web:file", "-"], out: "of the host\n" },
  { args: ["transfer", "-", "web:streamed"], input: "streamed" },
  { args: ["exec", "web", "--", "cat", "streamed"], out: "streamed" },
  refused(["transfer", "$TMP/tree", "web:dest"], /tree is a directory\n$/),
  { args: ["transfer", "-r", "$TMP/tree", "web:dest"] },
  { args: ["exec", "web", "--", "cat", "dest/sub/leaf"], out: "leaf\n" },
  { args: ["transfer", "--recursive", "web:dest", "$TMP/dest"] },
  refused(["transfer", "$TMP/file", "web:not/there/file"], /^transfer failed: /),
  { args: ["transfer", "-p", "$TMP/file", "web:not/there/file"] },
  { args: ["transfer", "--parents", "web:file", "$TMP/new/place/file"] },
  { args: ["transfer", "web:dest/*", "$TMP/dest", "--recursive"] },
  refused(["transfer", "web:no-such-file", "$TMP/x"], /^transfer failed: /),
  refused(["transfer", "$TMP/no-such-file", "web:"], /^transfer failed: /),
  refused(["transfer", "$TMP/file", "web:/root/denied"], /^transfer failed: .*Permission denied\n$/m),
  // The guest's link to the host's secrets is a link, and leads nowhere here.
  {
    args: [
      "exec",
      "web",
      "--",
      "sh",
      "-c",
      "mkdir tricks && ln -s ../../../../secret tricks/link && ln -s /etc/shadow tricks/abs",
    ],
  },
  { args: ["transfer", "-r", "web:tricks", "$TMP/tricks"] },
  refused(["transfer", "web:tricks/../../../root/x", "$TMP/x"], /^transfer failed: /),
];

const MOUNTS: Row[] = [
  { args: ["exec", "web", "--", "cat", "/srv/shown/hello"], out: "hello\n" },
  { args: ["mount", "$TMP/shown", "web:again", "-u", "0:1000", "-g", "0:1000"] },
  { args: ["exec", "web", "--", "cat", "again/hello"], out: "hello\n" },
  { args: ["info", "web", "--format", "json"], out: /"again": \{\n +"uid_mappings": \[\n +"0:1000"\n/ },
  refused(["mount", "$TMP/shown", "web:again"], /^mount failed: "again" is already mounted in 'web'\n$/),
  { args: ["umount", "web:again"] },
  refused(["unmount", "web:again"], /^umount failed: "again" is not mounted in 'web'\n$/),
  refused(["mount", "$TMP/file", "web:x"], /^mount failed: source path ".*file" is not a directory\n$/, 1),
  refused(["mount", "$TMP/no-such", "web:x"], /^mount failed: source path ".*no-such" does not exist\n$/, 1),
  refused(["mount", "$TMP/shown", "web:/etc"], /^mount failed: unable to mount to "\/etc"/, 1),
  refused(
    ["mount", "$TMP/shown", "web:/srv/../etc"],
    /^mount failed: unable to mount to "\/srv\/\.\.\/etc"/,
    1,
  ),
  refused(["mount", "$TMP/shown", "web:../../etc"], /^mount failed: unable to mount to /, 1),
  refused(
    ["mount", "-t", "native", "$TMP/shown", "web:n"],
    /^mount failed: a native mount can only be added to a stopped instance\n$/,
  ),
  { args: ["set", "local.privileged-mounts=no"] },
  refused(
    ["mount", "$TMP/shown", "web:y"],
    /^mount failed: Mounts are disabled on this installation of Multipass\./,
  ),
  { args: ["set", "local.privileged-mounts=yes"] },
];

const WRONG_STATE: Row[] = [
  refused(
    ["snapshot", "web"],
    /^snapshot failed: Multipass can only take snapshots of stopped instances\.\n$/,
  ),
  refused(["restore", "web.none", "--destructive"], /^restore failed: /),
  refused(["clone", "web"], /^clone failed: Multipass can only clone stopped instances\.\n$/),
  refused(["set", "local.web.cpus=1"], /^set failed: .*Instance must be stopped for modification\n$/),
  refused(["set", "local.web.memory=1G"], /^set failed: .*Instance must be stopped for modification\n$/),
  refused(["set", "local.web.disk=7G"], /^set failed: .*Instance must be stopped for modification\n$/),
  { args: ["start", "web"], out: "" },
  { args: ["recover", "web"], out: "" },
  { args: ["stop", "web", "-t", "+5"], out: "" },
  { args: ["list", "--format", "csv"], out: /^web,Delayed Shutdown,/m },
  { args: ["stop", "-c"], out: "" },
  { args: ["stop", "web", "--time", "5"], out: "" },
  { args: ["stop", "--cancel", "web"], out: "" },
  { args: ["list", "--format", "csv"], out: /^web,Running,/m },
];

export const ROWS_RUNNING: readonly Row[] = [
  ...SHOWN,
  ...EXEC,
  ...ALIASES,
  ...TRANSFER,
  ...MOUNTS,
  ...WRONG_STATE,
];
