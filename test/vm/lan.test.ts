/** Two real guests on the engine's network: by address and by name, honest only, through what may happen to engine and guest. */
import { readFile, writeFile } from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signalProcess } from "../../src/base/process-identity.ts";
import { type Berth, gone } from "../support/berth.ts";
import { USER_DATA, type VmWorld, vmWorld } from "../support/vm-world.ts";

/** The catalog is Ubuntu's, the image is Debian's: the user that Ubuntu's images have is asked for. */
let world: VmWorld;
let berth: Berth;

beforeAll(async () => {
  world = await vmWorld({ BERTH_SETTING_ENGINE_IDLE_SECONDS: "5" });
  berth = world.berth;
  for (const name of ["web", "db"]) {
    const args = ["launch", "noble", "--name", name, "--cloud-init", "-"];
    await berth.ok(args, { input: USER_DATA, timeoutMs: 900_000 });
  }
});
afterAll(async () => {
  await world?.dispose();
});

const inside = async (name: string, ...argv: string[]) =>
  (await berth.ok(["exec", name, "--", ...argv])).trim();
const python = (name: string, script: string, ...argv: string[]) =>
  inside(name, "sudo", "python3", "-c", script, ...argv);
const pings = async (from: string, to: string, count = 1) =>
  (await berth.run(["exec", from, "--", "ping", "-c", String(count), "-W", "5", to])).code === 0;
/** What other guests learn of a change, nobody waits for. */
const reaches = (from: string, to: string) =>
  expect.poll(() => pings(from, to), { timeout: 120_000, interval: 500 });

async function factsOf(name: string): Promise<{ ipv4: string[] }> {
  const { info } = (await berth.json(["info", name])) as { info: Record<string, { ipv4: string[] }> };
  const found = info[name];
  if (!found) throw new Error(`no info on ${name}`);
  return found;
}
const macOf = (name: string) => inside(name, "cat", "/sys/class/net/lan/address");

test("each has one address to be known by, and the way out is another NIC", async () => {
  const [web, db] = [await factsOf("web"), await factsOf("db")];
  expect(web.ipv4).toHaveLength(1);
  expect(db.ipv4).toHaveLength(1);
  expect(web.ipv4).not.toEqual(db.ipv4);
  expect(await inside("web", "ip", "-4", "-br", "addr", "show", "dev", "lan")).toContain(`${web.ipv4[0]}/16`);
  expect(await inside("web", "ip", "route", "show", "default")).toMatch(/^default via \S+\.255\.1 dev net /);
  expect(await inside("web", "networkctl", "list", "--no-legend")).toMatch(
    /lan\s+ether\s+routable\s+configured/,
  );
});

test("they reach each other by address and by name, both ways", async () => {
  for (const [from, to] of [
    ["web", "db"],
    ["db", "web"],
  ] as const) {
    expect(await pings(from, (await factsOf(to)).ipv4[0] ?? "")).toBe(true);
    await reaches(from, to).toBe(true);
    expect(await pings(from, `${to}.berth`)).toBe(true);
  }
});

const RECEIVE = `
import socket, sys, time
server = socket.create_server(("", 5001)); print("listening", flush=True)
peer, _ = server.accept(); size = 0; begin = time.time()
while data := peer.recv(1 << 16): size += len(data)
print("%d bytes, %.1f MB/s" % (size, size / (time.time() - begin) / 1e6))`;
const SEND = `
import socket, sys, time
for _ in range(600):
  try: peer = socket.create_connection(("db", 5001)); break
  except OSError: time.sleep(0.2)
for _ in range(512): peer.sendall(bytes(1 << 16))
peer.close()`;

test("a stream of 32 MiB arrives whole", async () => {
  const received = python("db", RECEIVE);
  await python("web", SEND);
  const report = await received;
  console.log(`one TCP stream between two guests: ${report.split("\n").at(-1)}`);
  expect(report).toContain(`${32 * 2 ** 20} bytes`);
});

/** Sends one datagram to the peer's port 5002 under the given MAC and address; and one as itself. */
const SPOOF = `
import socket, struct, sys
def total(data):
  value = sum(struct.unpack(">%dH" % (len(data) // 2), data))
  while value >> 16: value = (value & 0xffff) + (value >> 16)
  return ~value & 0xffff
def send(mac, source, word):
  payload = word.encode().ljust(16)
  udp = struct.pack(">HHHH", 1, 5002, 8 + len(payload), 0) + payload
  head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(to))
  head = head[:10] + struct.pack(">H", total(head)) + head[12:]
  raw.send(bytes.fromhex(toMac.replace(":", "")) + bytes.fromhex(mac.replace(":", "")) + b"\\x08\\x00" + head + udp)
to, toMac, mine, myMac = sys.argv[1:]
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); raw.bind(("lan", 0))
send(myMac, "10.9.9.9", "false address")
send("52:54:00:99:99:99", mine, "false mac")
send(myMac, mine, "honest")`;
const LISTEN = `
import socket
port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); port.bind(("", 5002)); port.settimeout(240)
import sys
word = ""
while word != "honest":
  word = port.recv(100).decode().strip(); print(word, flush=True)`;

test("what a guest sends under another's MAC or address reaches nobody", async () => {
  const [web, db] = [await factsOf("web"), await factsOf("db")];
  const [webMac, dbMac] = [await macOf("web"), await macOf("db")];
  const heard = python("db", LISTEN);
  let over = false;
  void heard
    .catch(() => {})
    .finally(() => {
      over = true;
    });
  // Until the other side listens, what is sent is lost; so all three are sent again until the honest one is heard.
  while (!over) await python("web", SPOOF, db.ipv4[0] ?? "", dbMac, web.ipv4[0] ?? "", webMac);
  expect(await heard).toBe("honest");
});

test("another name is known at once, the former one is nobody's", async () => {
  await berth.ok(["rename", "db", "store"]);
  await reaches("web", "store").toBe(true);
  expect(await pings("web", "db.berth")).toBe(false);
  expect(await inside("web", "grep", "-c", "# berth$", "/etc/hosts")).toBe("2");
  await berth.ok(["rename", "store", "db"]);
  await reaches("web", "db").toBe(true);
});

test("the network's own name server answers, and only for what is its own", async () => {
  const script = `
import socket, struct, sys
def ask(name):
  query = struct.pack(">6H", 7, 256, 1, 0, 0, 0) + b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\\0\\0\\1\\0\\1"
  port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); port.settimeout(60); port.sendto(query, (sys.argv[1], 53))
  answer = port.recv(600); code = answer[3] & 15
  return socket.inet_ntoa(answer[-4:]) if code == 0 else code
print(ask("db.berth"), ask("nobody.berth"), ask("example.com"))`;
  const db = (await factsOf("db")).ipv4[0] ?? "";
  const server = db.replace(/\.\d+\.\d+$/, ".0.2");
  expect(await python("web", script, server)).toBe(`${db} 3 5`);
});

test("this host reaches a guest at a loopback address of its own, which the hosts file can name", async () => {
  const address = ((await factsOf("web")).ipv4[0] ?? "").replace(/^10\./, "127.");
  expect((await berth.ok(["hosts"])).split("\n")).toContain(`${address} web.berth`);
  const file = path.join(berth.home, "hosts");
  await writeFile(file, "127.0.0.1 localhost\n");
  await berth.ok(["hosts", "--install", "--yes", "--file", file]);
  expect(await readFile(file, "utf8")).toMatch(
    /^127\.0\.0\.1 localhost\n# begin berth: [\s\S]*\n# end berth\n$/,
  );
  await berth.ok(["hosts", "--remove", "--yes", "--file", file]);
  expect(await readFile(file, "utf8")).toBe("127.0.0.1 localhost\n");
  await berth.ok(["port", "add", "web", "own:8080:22"]);
  const greeting = await new Promise<string>((resolve, reject) => {
    const socket = net.connect(8080, address);
    socket.once("error", reject);
    socket.once("data", (chunk) => {
      socket.destroy();
      resolve(String(chunk));
    });
  });
  expect(greeting).toMatch(/^SSH-2\.0-/);
});

test("the engine stays for them; when it is killed, the next one connects them again", async () => {
  const pid = await berth.enginePid();
  if (pid === undefined) throw new Error("no engine runs");
  await new Promise((resolve) => setTimeout(resolve, 7_000));
  expect(await berth.enginePid()).toBe(pid);
  signalProcess(pid, "SIGKILL");
  await gone(pid);
  await reaches("web", "db").toBe(true);
  expect(await berth.enginePid()).not.toBe(pid);
});

test("a suspended guest is reached again when it goes on", async () => {
  const boot = await inside("db", "cat", "/proc/sys/kernel/random/boot_id");
  const { ipv4 } = await factsOf("db");
  await berth.ok(["suspend", "db"]);
  expect(await pings("web", "db")).toBe(false);
  await berth.ok(["start", "db"]);
  await reaches("web", "db").toBe(true);
  expect((await factsOf("db")).ipv4).toEqual(ipv4);
  expect(await inside("db", "cat", "/proc/sys/kernel/random/boot_id")).toBe(boot);
});

/** What answers from outside: a word from each address that a guest might find this host at. */
const REACH = `
import socket, sys
for target in sys.argv[1:]:
  host, port = target.rsplit(":", 1)
  try:
    with socket.create_connection((host, int(port)), 3) as peer: print(target, peer.recv(20).decode().strip() or "silence")
  except OSError as error: print(target, "nothing")`;

test("in a private network they reach each other, and neither this host nor what is beyond it", async () => {
  const server = net.createServer((socket) => socket.end("this host\n"));
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  const { port } = server.address() as net.AddressInfo;
  const [web, db] = [await factsOf("web"), await factsOf("db")];
  const base = (web.ipv4[0] ?? "").split(".").slice(0, 2).join(".");
  const here = [`${base}.255.1`, `${base}.255.2`, "198.51.100.1"];
  const asked = here.map((address) => `${address}:${port}`);
  const answers = async () => {
    const said = await python("web", REACH, ...asked, "db:22", `${db.ipv4[0]}:22`);
    return said.split("\n").map((line) => line.replace(/^\S+ /, "").slice(0, 9));
  };
  try {
    // The way out leads to this host's loopback by its gateway.
    expect((await answers())[0]).toBe("this host");
    await berth.ok(["network", "create", "team"]);
    const moved = await Promise.all(
      ["web", "db"].map((name) => berth.run(["network", "set", name, "private:team"])),
    );
    expect(moved[0]?.stderr).toContain("until then it still reaches what this host does");
    await Promise.all(["web", "db"].map((name) => berth.ok(["restart", name], { timeoutMs: 300_000 })));
    await reaches("web", "db").toBe(true);
    expect(await answers()).toEqual([...here.map(() => "nothing"), "SSH-2.0-O", "SSH-2.0-O"]);
    const { probes } = (await berth.json(["network", "test", "web"])) as {
      probes: { kind: string; found: string; verdict: string }[];
    };
    const shown = probes.map(({ kind, found, verdict }) => `${kind} ${found} ${verdict}`);
    expect(shown).toContain("host-loopback not-reached ok");
    expect(shown).toContain("internet not-reached ok");
    expect(shown).toContain("same-network reached ok");
  } finally {
    server.close();
  }
});

test("who is isolated while it runs is out at once, and is in again when that is taken back", async () => {
  expect(await berth.run(["network", "set", "db", "isolated"])).toMatchObject({ code: 0, stderr: "" });
  expect(await pings("web", (await factsOf("db")).ipv4[0] ?? "")).toBe(false);
  expect(await inside("db", "hostname")).toBe("db");
  await berth.ok(["network", "set", "db", "private:team"]);
  await reaches("web", "db").toBe(true);
});
