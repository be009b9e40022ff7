/** What a guest learns at its first boot, and what user-data may be. */
import ssh2 from "ssh2";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { generateKeyPair, generateLogin } from "../../../../src/engine/guest/keys.ts";
import { expectedHostKeys, loginUser, seedFiles } from "../../../../src/engine/guest/seed.ts";
import { checkUserData, cloudConfigOf } from "../../../../src/engine/guest/user-data.ts";

const login = await generateLogin("ubuntu");
const nics = [
  { name: "net", mac: "52:54:01:00:00:01" },
  { name: "lan", mac: "52:54:00:00:00:01", address: "10.9.1.2/16", optional: true },
];

function seed(userData?: string): Record<string, string> {
  const files = seedFiles({ instanceId: "i-1", hostname: "web", login, userData, nics });
  return Object.fromEntries(files.map(({ name, data }) => [name, Buffer.from(data).toString("utf8")]));
}

/** As cloud-init does, which takes more for numbers and booleans than YAML does today. */
const read = (text = "") => parse(text, { version: "1.1" });

test("the guest gets its name, our key, and the host key that we know", () => {
  const files = seed();
  expect(read(files["meta-data"])).toEqual({
    "instance-id": "i-1",
    "local-hostname": "web",
    "public-keys": [login.client.publicKey.trim()],
  });
  expect(files["vendor-data"]).toMatch(/^#cloud-config\n/);
  expect(read(files["vendor-data"])).toEqual({
    ssh_keys: { ed25519_private: login.host.privateKey, ed25519_public: login.host.publicKey.trim() },
    updates: { network: { when: ["boot-new-instance", "boot"] } },
  });
  expect(files["user-data"]).toMatch(/^#cloud-config\n/);
});

test("the guest finds its NICs by their MACs, and its boot waits for the one that leads out", () => {
  expect(read(seed()["network-config"])).toEqual({
    version: 2,
    ethernets: {
      net: { match: { macaddress: "52:54:01:00:00:01" }, "set-name": "net", dhcp4: true },
      lan: {
        ...{ match: { macaddress: "52:54:00:00:00:01" }, "set-name": "lan" },
        ...{ dhcp4: false, addresses: ["10.9.1.2/16"], optional: true },
      },
    },
  });
});

test.each(["no", "on", "y", "null", "1e3", "0x1f", "12-30"])("a guest can be called %s", (hostname) => {
  const [metaData] = seedFiles({ instanceId: "i-1", hostname, login, nics });
  expect(read(Buffer.from(metaData?.data ?? "").toString())["local-hostname"]).toBe(hostname);
});

test("the user's text goes in byte for byte, and our private login key never does", () => {
  const userData = "#cloud-config\r\n# ünï\npackages: [git]\n";
  const files = seed(userData);
  expect(files["user-data"]).toBe(userData);
  for (const text of Object.values(files)) expect(text).not.toContain(login.client.privateKey);
});

test("a users list without the default one gets our way in by a script", () => {
  expect(seed("#cloud-config\nusers: [{name: ann}]\n")["vendor-data"]).toMatch(
    /^Content-Type: multipart\/mixed[\s\S]*text\/cloud-config[\s\S]*text\/x-shellscript[\s\S]*useradd/,
  );
  expect(seed("#cloud-config\nusers: [default, {name: ann}]\n")["vendor-data"]).toMatch(/^#cloud-config/);
});

test("the user's own host keys are the ones to expect", async () => {
  const own = await generateKeyPair("own");
  const indented = own.privateKey.trimEnd().replaceAll("\n", "\n    ");
  const userData = `#cloud-config\nssh_keys:\n  ed25519_private: |\n    ${indented}\n`;
  const parsed = ssh2.utils.parseKey(own.publicKey);
  if (parsed instanceof Error) throw parsed;
  expect(await expectedHostKeys(login, userData)).toEqual([
    `ssh-ed25519 ${parsed.getPublicSSH().toString("base64")}`,
  ]);
  expect(await expectedHostKeys(login, undefined)).toEqual([login.host.publicKey.trim()]);
  await expect(expectedHostKeys(login, "#cloud-config\nssh_keys: {rsa_private: nonsense}\n")).rejects.toThrow(
    /rsa_private is not a readable private key/,
  );
});

test.each([
  [undefined, "ubuntu"],
  ["#cloud-config\nuser: ann\n", "ann"],
  ["#cloud-config\nuser: {name: ann}\n", "ann"],
  ["#cloud-config\nsystem_info: {default_user: {name: bob}}\n", "bob"],
  ["#cloud-config\nuser: 'ann; reboot'\n", "ubuntu"],
  ["#!/bin/sh\ntrue\n", "ubuntu"],
])("the login of %j", (userData, user) => expect(loginUser(login, userData)).toBe(user));

test.each([
  ["#cloud-config\na: [1\nb: 2\n", /line 3, column 1/],
  ["#cloud-config\na: 1\n  b: 2\n", /line \d, column \d/],
  ["#cloud-config\n- a\n", /not a map/],
  ["packages: [git]\n", /line 1, column 1: it does not begin with #cloud-config/],
  ["", /does not begin/],
  ["#cloud-config\na: \0\n", /not text/],
  ["\u001f\u008b\u0008", /compressed/],
  [`#cloud-config\na: ${"x".repeat(2 ** 20)}\n`, /larger than 1 MiB/],
  [`#cloud-config\na: &a [1]\nb: &b [${"*a,".repeat(50)}]\nc: [${"*b,".repeat(50)}]\n`, /unfold to too much/],
])("%.40j is refused", async (text, words) => {
  expect(await checkUserData(text)).toMatchObject([
    { code: "user-data-invalid", severity: "error", message: expect.stringMatching(words) },
  ]);
  expect(cloudConfigOf(text)).toBeUndefined();
});

test.each([
  "#cloud-config\n",
  "#cloud-config # mine\nhostname: web\n",
  "#!/bin/sh\nexit\n",
  "## template: jinja\n#cloud-config\n",
  "#include\nhttps://example.test/x\n",
  "Content-Type: multipart/mixed; boundary=b\n",
])("%j is taken", async (text) => expect(await checkUserData(text)).toEqual([]));

test.each([
  ["#cloud-config\npackages: git\n", "line 2, column 1: packages must be an array"],
  ["#cloud-config\nwrite_files:\n  - content: x\n", "line 3, column 5: write_files.0 needs a path"],
  ["#cloud-config\nusers:\n  - default\n  - name: 1\n", "line 4, column 5: users.1.name must be a string"],
  [
    "#cloud-config\n\npackage: [git]\n",
    "line 3, column 1: cloud-init may not know package; packages is meant, perhaps",
  ],
])("%j is taken, with a warning", async (text, words) => {
  expect(await checkUserData(text)).toMatchObject([
    { code: "user-data-doubtful", severity: "warning", message: `cloud-init user-data: ${words}` },
  ]);
});

test("what cloud-init's own reader takes for true is a boolean", async () => {
  expect(await checkUserData("#cloud-config\npackage_update: yes\nssh_pwauth: on\n")).toEqual([]);
});

test("a clone's guest is told to become another, before all else and once", async () => {
  const former = await generateKeyPair("former");
  const files = seedFiles({
    instanceId: "i-2",
    hostname: "copy",
    login,
    formerKeys: [former.publicKey],
    nics: [],
  });
  const vendor = Buffer.from(files.find(({ name }) => name === "vendor-data")?.data ?? "").toString("utf8");
  expect(vendor).toMatch(
    /^Content-Type: multipart\/mixed[\s\S]*text\/cloud-boothook[\s\S]*text\/cloud-config/,
  );
  const blob = former.publicKey.split(" ")[1];
  expect(vendor).toContain(`sed -i '\\|${blob}|d' "$file"`);
  expect(vendor).toContain("rm -f /etc/machine-id");
});
