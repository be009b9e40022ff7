/** Rows that stop `web`, work on it while it is stopped, start it again, and end with its purge. */
import { formats, type Row } from "./row.ts";

const refused = (args: string[], err: RegExp, code = 2): Row => ({ args, code, err });

const STOPPED: Row[] = [
  { args: ["stop"], out: "" },
  { args: ["stop", "web"], out: "" },
  { args: ["list", "--format", "csv"], out: /^web,Stopped,,Ubuntu 24\.04 LTS,"",zone2,true$/m },
  {
    args: ["info", "web"],
    out: /\nIPv4: {11}--\nRelease: {8}--\n(.|\n)*\nDisk usage: {5}--\nMemory usage: {3}--\n/,
  },
  refused(["exec", "web", "--", "true"], /^exec failed: instance "web" is not running\n$/),
  refused(["transfer", "$TMP/file", "web:"], /^transfer failed: .*not running/),
  refused(["suspend", "web"], /^suspend failed: instance "web" is not running\n$/),
  refused(["restart"], /^restart failed: instance "web" is not running\n$/),
  { args: ["umount", "web"] },
  {
    args: [
      "mount",
      "$TMP/shown",
      "web:shown",
      "--uid-map",
      "0:1000",
      "--gid-map",
      "0:1000",
      "--type",
      "classic",
    ],
  },
  { args: ["umount", "web:shown"] },
  { args: ["mount", "--type", "native", "$TMP/shown", "web:/srv/native"] },
];

const SIZES: Row[] = [
  { args: ["set", "local.web.cpus=1"] },
  { args: ["get", "local.web.cpus"], out: "1\n" },
  { args: ["set", "local.web.memory=640M"] },
  { args: ["set", "local.web.disk=6.5G"] },
  { args: ["get", "local.web.disk"], out: "6.5GiB\n" },
  refused(["set", "local.web.disk=5G"], /^set failed: Disk can only be expanded\n$/, 1),
  refused(["set", "local.web.cpus=0"], /^set failed: /, 1),
  refused(["set", "local.web.cpus=-1"], /^set failed: /, 1),
  refused(["set", "local.web.memory=1CiG"], /^set failed: 1CiG is not a valid memory size\n$/, 1),
  refused(["set", "local.web.memory=1K"], /^set failed: /, 1),
  refused(["set", "local.web.nosuch=1"], /^set failed: Unrecognized settings key/, 1),
];

const SNAPSHOTS: Row[] = [
  { args: ["snapshot", "web"], out: "Snapshot taken: web.snapshot1\n" },
  {
    args: ["snapshot", "web", "-n", "second", "-c", 'two, with "quotes"'],
    out: "Snapshot taken: web.second\n",
  },
  { args: ["snapshot", "web", "--name", "third", "--comment", "three"], out: "Snapshot taken: web.third\n" },
  { args: ["snapshot", "web", "--name", "fourth", "-m", "four"], out: "Snapshot taken: web.fourth\n" },
  refused(
    ["snapshot", "web", "--name", "second"],
    /^snapshot failed: Snapshot already exists: web\.second\n$/,
  ),
  refused(["snapshot", "web", "--name", "1-bad"], /^snapshot failed: /, 1),
  ...formats(["list", "--snapshots"], {
    table:
      /^Instance {3}Snapshot {4}Parent {6}Comment\nweb {8}snapshot1 {3}-- {10}--\nweb {8}second {6}snapshot1 {3}two, with "quotes"\n/,
    csv: "Instance,Snapshot,Parent,Comment",
    word: "snapshot1",
  }),
  ...formats(["info", "web.second"], {
    table:
      /^Snapshot: {7}second\nInstance: {7}web\nSize: {11}.*\nCPU\(s\): {9}1\nDisk space: {5}6\.5GiB\nMemory size: {4}640\.0MiB\nMounts: {9}.* => \/srv\/native\nCreated: {8}\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4} \S+\nParent: {9}snapshot1\nChildren: {7}third\nComment: {8}two, with "quotes"\n$/,
    csv: "Snapshot,Instance,CPU(s),Disk space,Memory size,Mounts,Created,Parent,Children,Comment",
    word: "third",
  }),
  {
    args: ["info", "web", "web.third", "--format", "json"],
    out: /"snapshot_count": "4",(.|\n)*"snapshots": \{\n +"third": \{/,
  },
  refused(
    ["info", "web", "web.third", "--format", "csv"],
    /^info failed: Mixed snapshot and instance arguments are not supported with CSV format\n$/,
    1,
  ),
  { args: ["info", "web", "--snapshots"], out: /^Snapshot: {7}snapshot1\n(.|\n)*\n\nSnapshot: {7}second\n/ },
  refused(["info", "web.none"], /^info failed: No such snapshot: web\.none\n$/),
  { args: ["get", "local.web.second.comment"], out: 'two, with "quotes"\n' },
  { args: ["set", "local.web.second.comment=other"] },
  { args: ["set", "local.web.third.name=renamed"] },
  refused(["set", "local.web.renamed.name=second"], /^set failed: Snapshot already exists: web\.second\n$/),
  { args: ["get", "--keys"], out: /^local\.web\.renamed\.comment\nlocal\.web\.renamed\.name\n/m },
  refused(["restore", "web.none", "-d"], /^restore failed: No such snapshot: web\.none\n$/),
  refused(["restore", "web.second"], /^restore failed: Unable to query client for confirmation/),
  { args: ["restore", "web.second", "-d"], out: "Snapshot restored: web.second\n" },
  { args: ["restore", "--destructive", "web.snapshot1"], out: "Snapshot restored: web.snapshot1\n" },
  refused(
    ["delete", "web.fourth"],
    /^delete failed: Snapshots can only be purged \(after deletion, they cannot be recovered\)\. Please use the `--purge` flag if that is what you want\.\n$/,
    1,
  ),
  refused(["delete", "web.none", "--purge"], /^delete failed: No such snapshot: web\.none\n$/),
  { args: ["delete", "web.fourth", "web.renamed", "-p"] },
];

const CLONES: Row[] = [
  { args: ["clone", "web"], out: "Cloned from web to web-clone1.\n" },
  { args: ["clone", "web", "-n", "other"], out: "Cloned from web to other.\n" },
  refused(["clone", "web", "--name", "other"], /^clone failed: instance "other" already exists\n$/),
  { args: ["info", "other", "--format", "csv"], out: /^other,Stopped,.*,0$/m },
  { args: ["list"], out: /\nweb .*\nother .*\nweb-clone1 / },
  { args: ["delete", "other"] },
  refused(
    ["start", "other"],
    /^start failed: Instance 'other' is deleted\. Use 'recover' to recover it or 'purge' to permanently delete it\.\n$/,
  ),
  { args: ["list", "--format", "csv"], out: /^other,Deleted,/m },
  { args: ["recover", "other"] },
  { args: ["delete", "--purge", "other", "web-clone1"] },
  refused(
    ["info", "other", "web-clone1"],
    /^info failed: The following errors occurred:\ninstance "other" does not exist\ninstance "web-clone1" does not exist\n$/,
  ),
];

const POWER: Row[] = [
  refused(["start", "--timeout", "1"], /^start failed: Timed out waiting for instance to start\.\n$/m, 5),
  // What was begun goes on.
  { args: ["start", "--all", "--timeout", "900"] },
  { args: ["exec", "web", "--", "cat", "/srv/native/hello"], out: "hello\n" },
  refused(
    ["restore", "web.second", "-d"],
    /^restore failed: Multipass can only restore snapshots of stopped instances\.\n$/,
  ),
  refused(["delete", "web.second", "-p"], /^delete failed: /),
  { args: ["umount", "web:/srv/native"] },
  refused(["suspend"], /^suspend failed: a native mount keeps its memory from being saved\n$/),
  { args: ["restart", "--all", "--timeout", "900"] },
  { args: ["exec", "web", "--", "hostname"], out: "web\n" },
  { args: ["suspend"] },
  { args: ["list", "--format", "csv"], out: /^web,Suspended,/m },
  refused(["exec", "web", "--", "true"], /^exec failed: instance "web" is not running\n$/),
  refused(["set", "local.web.cpus=2"], /^set failed: /),
  { args: ["suspend", "--all"] },
  { args: ["start"] },
  { args: ["suspend", "web"] },
  { args: ["start", "web"] },
  { args: ["stop", "--force"] },
  { args: ["stop", "--all"] },
];

const END: Row[] = [
  { args: ["delete", "--all"] },
  { args: ["delete", "web"] },
  refused(["snapshot", "web"], /^snapshot failed: Instance 'web' is deleted\./),
  refused(["mount", "$TMP/shown", "web"], /^mount failed: /),
  { args: ["recover", "--all"] },
  { args: ["delete", "web"] },
  { args: ["aliases"], out: /gone-with-it/ },
  { args: ["purge"] },
  { args: ["aliases"], out: "No aliases defined.\n" },
  { args: ["list"], out: "No instances found.\n" },
  { args: ["list", "--snapshots"], out: "No snapshots found.\n" },
];

export const ROWS_STOPPED: readonly Row[] = [...STOPPED, ...SIZES, ...SNAPSHOTS, ...CLONES, ...POWER, ...END];
