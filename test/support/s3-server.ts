/**
 * A real server that speaks S3 and checks its signatures: OpenStack's Swift, its four servers with one disk, which is a
 * directory.
 */
import type { ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { run } from "../../src/base/run.ts";
import { makeCertificate, type TestCertificate } from "./certificate.ts";
import { connectable, freePort } from "./free-port.ts";
import { answering, end, spawnLogged } from "./runtimes.ts";

export const S3_LOGIN = { accessKeyId: "fleet:skipper", secretAccessKey: "harbour" };
export const S3_REGION = "harbour-1";

export type S3Server = {
  port: number;
  certificate: TestCertificate;
  /** Another's hand on it: `mkdir there:bucket` makes a bucket. */
  rclone(argv: readonly string[], input?: Uint8Array): Promise<string>;
  stop(): Promise<void>;
};

/** The system's own, which Swift is installed for: another may come first in the path. */
const PYTHON = "/usr/bin/python3";

const KINDS = ["account", "container", "object"] as const;

export async function startS3(): Promise<S3Server> {
  const directory = await mkdtemp(path.join(tmpdir(), "berth-s3-"));
  await mkdir(path.join(directory, "disks/one"), { recursive: true });
  const certificate = await makeCertificate(directory);
  const children: ChildProcess[] = [];
  const stop = async () => {
    await Promise.all(children.map((child) => end(child)));
    await rm(directory, { recursive: true, force: true });
  };
  const start = async (kind: string, port: number, config: string) => {
    const file = path.join(directory, `${kind}.conf`);
    await writeFile(file, config);
    const log = path.join(directory, `${kind}.log`);
    const child = spawnLogged([`swift-${kind}-server`, file], log);
    children.push(child);
    await answering(`swift-${kind}-server`, child, log, () => connectable(port));
  };
  try {
    await writeFile(path.join(directory, "swift.conf"), SWIFT);
    const ports = { account: await freePort(), container: await freePort(), object: await freePort() };
    await run([PYTHON, "-c", RINGS, directory, JSON.stringify(ports)]);
    const port = await freePort();
    await Promise.all([
      ...KINDS.map((kind) => start(kind, ports[kind], storage(directory, kind, ports[kind]))),
      start("proxy", port, proxy(directory, port, certificate)),
    ]);
    const config = path.join(directory, "rclone.conf");
    await writeFile(config, client(port));
    const rclone = async (argv: readonly string[], input?: Uint8Array) => {
      const own = ["rclone", "--config", config, "--ca-cert", certificate.certFile];
      // Where the environment names other authorities, rclone takes neither.
      return (await run([...own, ...argv], { input, env: { AWS_CA_BUNDLE: "" } })).stdout;
    };
    return { port, certificate, rclone, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const SWIFT = "[swift-hash]\nswift_hash_path_suffix = berth\n[storage-policy:0]\nname = one\ndefault = yes\n";

/** Which server has what: each everything, for there is one of each. */
const RINGS = `
import json, sys
from swift.common.ring import RingBuilder
for kind, port in json.loads(sys.argv[2]).items():
    builder = RingBuilder(1, 1, 0)
    builder.add_dev(dict(region=1, zone=1, ip="127.0.0.1", port=port, replication_ip="127.0.0.1",
                         replication_port=port, device="one", weight=1.0, meta=""))
    builder.rebalance()
    builder.get_ring().save("%s/%s.ring.gz" % (sys.argv[1], kind))
`;

const common = (directory: string, port: number) => `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
swift_dir = ${directory}
user = ${userInfo().username}
log_level = WARNING
`;

const storage = (directory: string, kind: string, port: number) => `${common(directory, port)}
devices = ${directory}/disks
mount_check = false
[pipeline:main]
pipeline = ${kind}-server
[app:${kind}-server]
use = egg:swift#${kind}
`;

/** The cache is no more than named: nobody listens there, and it does without. */
const proxy = (
  directory: string,
  port: number,
  { certFile, keyFile }: TestCertificate,
) => `${common(directory, port)}
cert_file = ${certFile}
key_file = ${keyFile}
[pipeline:main]
pipeline = catch_errors cache s3api tempauth proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:s3api]
use = egg:swift#s3api
location = ${S3_REGION}
max_bucket_listing = 200
[filter:tempauth]
use = egg:swift#tempauth
user_${S3_LOGIN.accessKeyId.replace(":", "_")} = ${S3_LOGIN.secretAccessKey} .admin
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
`;

const client = (port: number) => `[there]
type = s3
provider = Other
endpoint = https://127.0.0.1:${port}
region = ${S3_REGION}
access_key_id = ${S3_LOGIN.accessKeyId}
secret_access_key = ${S3_LOGIN.secretAccessKey}
`;
