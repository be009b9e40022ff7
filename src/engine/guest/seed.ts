/**
 * The NoCloud seed: what a guest learns at its first boot. The user's user-data goes in byte for byte; ours is
 * vendor-data, which cloud-init merges beneath it. Format: cloud-init's documentation of the NoCloud data source.
 */
import { writeFileDurable } from "../../base/durable.ts";
import { EngineError } from "../../base/errors.ts";
import { cloneScript } from "./clone-script.ts";
import { cloudYaml } from "./cloud-yaml.ts";
import { buildIso, type IsoFile } from "./iso9660.ts";
import { type Login, loadSsh } from "./keys.ts";
import { type GuestNic, networkConfig } from "./network-config.ts";
import { type CloudConfig, cloudConfigOf } from "./user-data.ts";

export type SeedInput = {
  /** A new one makes cloud-init treat the guest as new. */
  instanceId: string;
  hostname: string;
  login: Login;
  userData?: string | undefined;
  /** Present where the disk was another guest's before: public keys that it lets in, and must not any more. */
  formerKeys?: readonly string[] | undefined;
  /** None: the guest looks for one itself. */
  nics: readonly GuestNic[];
};

export async function writeSeed(file: string, input: SeedInput): Promise<void> {
  await writeFileDurable(file, buildIso({ volumeId: "cidata", files: seedFiles(input) }));
}

/** The seed's files. Our key is in meta-data, because a user's `ssh_authorized_keys` would replace one in vendor-data. */
export function seedFiles(input: SeedInput): IsoFile[] {
  const { instanceId, hostname, login, userData, formerKeys, nics } = input;
  const metaData = {
    "instance-id": instanceId,
    "local-hostname": hostname,
    "public-keys": [login.client.publicKey.trim()],
  };
  return [
    text("meta-data", cloudYaml(metaData)),
    text("user-data", userData ?? "#cloud-config\n{}\n"),
    text("vendor-data", vendorData(login, cloudConfigOf(userData), formerKeys)),
    ...(nics.length > 0 ? [text("network-config", networkConfig(nics))] : []),
  ];
}

function text(name: string, data: string): IsoFile {
  return { name, data: Buffer.from(data, "utf8") };
}

function vendorData(
  login: Login,
  config: CloudConfig | undefined,
  formerKeys: readonly string[] | undefined,
): string {
  // Giving the host key saves the guest making its own (5 s under emulation) and lets us pin it.
  const ours = `#cloud-config\n${cloudYaml({
    ssh_keys: { ed25519_private: login.host.privateKey, ed25519_public: login.host.publicKey.trim() },
    // Or NICs that the instance is given later would stay without a configuration.
    updates: { network: { when: ["boot-new-instance", "boot"] } },
  })}`;
  const parts: [type: string, body: string][] = [["text/cloud-config", ours]];
  if (formerKeys) parts.unshift(["text/cloud-boothook", cloneScript(formerKeys)]);
  if (needsUser(config)) parts.push(["text/x-shellscript", addUserScript(login)]);
  return parts.length === 1 ? ours : multipart(parts);
}

/** A `users` list without `default` leaves the image's own user, and so our way in, out. */
function needsUser(config: CloudConfig | undefined): boolean {
  const users = config?.["users"];
  if (users === undefined) return false;
  const list = Array.isArray(users) ? users : [users];
  return !list.some((user) => user === "default" || (user as { name?: unknown })?.name === "default");
}

/** Runs late in the first boot (scripts-vendor), so such a guest is reachable a little later. */
function addUserScript({ user, client }: Login): string {
  return `#!/bin/sh
set -e
id -u ${user} >/dev/null 2>&1 || useradd -m -s /bin/sh ${user}
home=$(getent passwd ${user} | cut -d: -f6)
mkdir -p "$home/.ssh"
grep -qsF '${client.publicKey.trim()}' "$home/.ssh/authorized_keys" || echo '${client.publicKey.trim()}' >> "$home/.ssh/authorized_keys"
chmod 700 "$home/.ssh"
chmod 600 "$home/.ssh/authorized_keys"
chown -R ${user}: "$home/.ssh"
echo '${user} ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/90-berth
chmod 440 /etc/sudoers.d/90-berth
`;
}

function multipart(parts: readonly [type: string, body: string][]): string {
  const boundary = "==berth==";
  const bodies = parts.map(
    ([type, body], index) =>
      `--${boundary}\nContent-Type: ${type}; charset="utf-8"\nMIME-Version: 1.0\nContent-Disposition: attachment; filename="berth-${index}"\n\n${body}\n`,
  );
  return `Content-Type: multipart/mixed; boundary="${boundary}"\nMIME-Version: 1.0\n\n${bodies.join("")}--${boundary}--\n`;
}

/**
 * The host keys to expect: ours, or those that the user's own `ssh_keys` puts in their place. A private key there
 * without its public half is turned into it; one that cannot be read is refused, for the guest could not be known.
 */
export async function expectedHostKeys(login: Login, userData: string | undefined): Promise<string[]> {
  const own = cloudConfigOf(userData)?.["ssh_keys"];
  if (own === undefined || own === null || typeof own !== "object") return [login.host.publicKey.trim()];
  const given = Object.entries(own as Record<string, unknown>).filter(
    ([name, value]) => name.endsWith("_private") && typeof value === "string",
  );
  const keys = await Promise.all(given.map(([name, value]) => publicHalf(name, String(value))));
  return keys.length > 0 ? keys : [login.host.publicKey.trim()];
}

async function publicHalf(name: string, privateKey: string): Promise<string> {
  const key = (await loadSsh()).utils.parseKey(privateKey);
  if (key instanceof Error) {
    throw new EngineError(
      "invalid-argument",
      `cannot use the user-data's ssh_keys: ${name} is not a readable private key`,
      {
        hint: "Correct it, or leave ssh_keys out: Berth makes a host key of its own.",
      },
    );
  }
  return `${key.type} ${key.getPublicSSH().toString("base64")}`;
}

/** The user to log in as: the image's default one, unless the user-data gives that user another name. */
export function loginUser(login: Login, userData: string | undefined): string {
  const config = cloudConfigOf(userData);
  const candidates = [
    config?.["user"],
    (config?.["system_info"] as CloudConfig | undefined)?.["default_user"],
  ];
  for (const candidate of candidates) {
    const name = typeof candidate === "object" ? (candidate as CloudConfig | null)?.["name"] : candidate;
    if (typeof name === "string" && /^[a-z_][a-z0-9_-]{0,31}$/i.test(name)) return name;
  }
  return login.user;
}
