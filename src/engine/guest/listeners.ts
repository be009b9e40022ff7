/**
 * What listens in a guest: a script that prints its sockets whenever they change, and a parser of what it prints. The
 * kernel has no event for that, so the script looks in an interval, with one process, for as long as somebody watches.
 * Formats: proc_net_tcp of the kernel's documentation, and ss(8).
 */
import type { PortListener } from "../../api/port.ts";
import { plainText } from "../../base/plain-text.ts";
import { SectionReader } from "./sections.ts";

const MAX_LISTENERS = 256;
const MAX_NAME_CHARS = 40;
const SSH_PORT = 22;
/** DHCP clients, of IPv4 and IPv6. */
const CLIENT_PORTS: readonly number[] = [68, 546];
const LISTENING = "0A";

/**
 * Local address, state and inode of TCP sockets that listen and UDP sockets without a peer. Who has them is asked only
 * when they are others than before: that takes sudo, which is a burden in an emulated guest. An empty line each time ends
 * the script where nobody reads any more, as after the loss of the connection.
 */
export function listenersScript(intervalMs: number): string {
  const line =
    "^ *[0-9]+: ([0-9A-F]+:[0-9A-F]+) [0-9A-F]+:0000 (0A|07) [^ ]+ [^ ]+ [^ ]+ +[0-9]+ +[0-9]+ ([0-9]+).*";
  return `
last=none
while :; do
  now=$(sed -nE 's/${line}/\\1 \\2 \\3/p' /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 2>/dev/null)
  if [ "$now" != "$last" ]; then
    last=$now
    echo "== range"; cat /proc/sys/net/ipv4/ip_local_port_range
    echo "== sockets"; printf '%s\\n' "$now"
    echo "== processes"; { sudo -n ss -tulnpH || ss -tulnpH; } 2>/dev/null
    echo "== end"
  fi
  echo
  sleep ${intervalMs / 1000}
done`;
}

/** Reads what the script prints, in whatever pieces it arrives. */
export function listenersReader(): { push(chunk: string): PortListener[][] } {
  const reader = new SectionReader();
  return { push: (chunk) => reader.push(chunk).map(parseListeners) };
}

/** One for each port, the best way to it first; what no forward reaches is left out, as is the guest's SSH server. */
export function parseListeners(section: (name: string) => string): PortListener[] {
  const [from = Number.NaN, to = Number.NaN] = section("range").trim().split(/\s+/).map(Number);
  const names = parseProcesses(section("processes"));
  const found = new Map<string, PortListener>();
  for (const socket of parseSockets(section("sockets"))) {
    const { protocol, port, address } = socket;
    const via = viaOf(socket);
    const fleeting = protocol === "udp" && ((port >= from && port <= to) || CLIENT_PORTS.includes(port));
    if (!via || fleeting) continue;
    const process = names.get(`${protocol} ${port} ${reachOf(address)}`);
    if (protocol === "tcp" && (port === SSH_PORT || /^sshd/.test(process ?? ""))) continue;
    const key = `${protocol} ${port}`;
    const known = found.get(key);
    if (known && (known.via === via || via === "ssh")) continue;
    if (!known && found.size >= MAX_LISTENERS) continue;
    found.set(key, { protocol, port, address, via, ...(process ? { process } : {}) });
  }
  return [...found.values()].sort((a, b) => a.port - b.port || a.protocol.localeCompare(b.protocol));
}

type Socket = Pick<PortListener, "protocol" | "port" | "address">;

/** `0100007F:1F90 0A 12345`: the address in words of the machine's order, which is little-endian on all we run. */
export function parseSockets(text: string): Socket[] {
  return text.split("\n").flatMap((line): Socket[] => {
    const match = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) (0A|07)( |$)/.exec(line);
    const [, address = "", port = "", state] = match ?? [];
    const number = Number.parseInt(port, 16);
    if (!match || !(number > 0)) return [];
    return [{ protocol: state === LISTENING ? "tcp" : "udp", port: number, address: addressOf(address) }];
  });
}

function addressOf(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) => (word.match(/../g) ?? []).reverse());
  const v4 = (part: readonly string[]) => part.map((byte) => Number.parseInt(byte, 16)).join(".");
  if (bytes.length === 4) return v4(bytes);
  const head = bytes.slice(0, 12).join("");
  if (/^0+$/.test(head) && /^(00){3}0[01]$/.test(bytes.slice(12).join(""))) {
    return bytes[15] === "01" ? "::1" : "::";
  }
  if (/^0{20}FFFF$/i.test(head)) return `::ffff:${v4(bytes.slice(12))}`;
  return (bytes.join("").match(/.{4}/g) ?? []).join(":").toLowerCase();
}

/** Forwards through the network come to one of the guest's addresses, those through SSH to its loopback. */
function reachOf(address: string): "all" | "loopback" | "one" {
  const plain = address.replace(/^::ffff:/, "");
  if (plain === "0.0.0.0" || plain === "::") return "all";
  return plain === "127.0.0.1" || plain === "::1" ? "loopback" : "one";
}

function viaOf({ protocol, address }: Socket): PortListener["via"] | undefined {
  const reach = reachOf(address);
  if (reach === "all") return "network";
  return reach === "loopback" && protocol === "tcp" ? "ssh" : undefined;
}

/** By protocol, port and reach: who listens, as `ss -tulnpH` tells it. */
export function parseProcesses(text: string): Map<string, string> {
  const names = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^(tcp|udp) +\S+ +\d+ +\d+ +(\S+):(\d+) +\S+ +users:\(\("(.*?)",pid=\d+/.exec(line);
    const [, protocol, address = "", port, name = ""] = match ?? [];
    if (!match) continue;
    const bare = address.replace(/^\[|\]$/g, "").replace(/%[^%]*$/, "");
    const key = `${protocol} ${port} ${reachOf(bare === "*" ? "::" : bare)}`;
    const shown = nameOf(name);
    if (shown && !names.has(key)) names.set(key, shown);
  }
  return names;
}

/** A guest's processes may call themselves anything. */
function nameOf(name: string): string {
  const plain = plainText(name.slice(0, 4 * MAX_NAME_CHARS)).replaceAll(/\s+/g, " ");
  return plain.trim().slice(0, MAX_NAME_CHARS);
}
