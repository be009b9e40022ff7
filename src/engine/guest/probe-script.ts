/**
 * Asks from inside a guest what answers at addresses: with whatever the guest has that can open a TCP connection. Each line
 * that is printed is a number and what was seen: `3 said SSH-2.0-OpenSSH`, `4 refused`, `5 nothing`. Reading that is pure.
 */

/** What was seen at an address: a connection and its first words, a refusal, which somebody there has sent, or nothing. */
export type Seen = { how: "said"; word: string } | { how: "refused" } | { how: "nothing" };

/** Arguments: host and port of each, in turn. `gateways` stands for every address that the guest's routes lead through. */
export const PROBE_SCRIPT = `
one() {
  n=$1 host=$2 port=$3
  if command -v bash >/dev/null 2>&1 && command -v timeout >/dev/null 2>&1; then
    out=$(timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1" && { IFS= read -r -t 3 line <&3; echo "said $line"; }' "$host" "$port" 2>&1)
  elif command -v python3 >/dev/null 2>&1; then
    out=$(python3 -c 'import socket, sys
try:
  s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 4)
except ConnectionRefusedError: print("refused")
else:
  s.settimeout(3)
  try: print("said", s.recv(100).decode("latin1"))
  except OSError: print("said")' "$host" "$port" 2>/dev/null)
  elif command -v nc >/dev/null 2>&1; then
    out=$(nc -w 4 "$host" "$port" </dev/null 2>&1) && out="said $out"
  else
    echo "$n without"; return
  fi
  case "$out" in
    *said*) echo "$n said \${out#*said}" | head -n 1 ;;
    *efused*) echo "$n refused" ;;
    *) echo "$n nothing" ;;
  esac
}
gateways() {
  awk 'NR > 1 && $8 != "00000000" { print $2, $3 }' /proc/net/route 2>/dev/null | while read -r to via; do
    for hex in $to $via; do
      a=$(printf '%d' "0x$(echo "$hex" | cut -c7-8)") b=$(printf '%d' "0x$(echo "$hex" | cut -c5-6)")
      c=$(printf '%d' "0x$(echo "$hex" | cut -c3-4)") d=$(printf '%d' "0x$(echo "$hex" | cut -c1-2)")
      [ "$a" = 0 ] && continue
      if [ "$d" = 0 ]; then echo "$a.$b.$c.1"; echo "$a.$b.$c.2"; else echo "$a.$b.$c.$d"; fi
    done
  done | sort -u | head -n 8
}
n=0
while [ $# -gt 1 ]; do
  if [ "$1" = gateways ]; then
    for host in $(gateways); do one "$n" "$host" "$2" & done
  else one "$n" "$1" "$2" & fi
  n=$((n + 1)); shift 2
done
wait`;

type Asked = { host: string; port: number; word?: string };

/** Nothing that a shell would take for more than a word. Throws where a host is none. */
export function probeArguments(targets: readonly Asked[]): string {
  return targets
    .flatMap(({ host, port }) => {
      if (!/^[A-Za-z0-9.-]+$/.test(host)) throw new RangeError(`no host: ${host}`);
      return [host, String(port)];
    })
    .join(" ");
}

/**
 * The best that was seen of each: the word that is expected, else the first that comes. Undefined where the guest could not
 * look. Whatever else it prints is ignored.
 */
export function readProbes(text: string, asked: readonly Asked[]): (Seen | undefined)[] {
  const found: (Seen | undefined)[] = asked.map(() => undefined);
  for (const line of text.split("\n")) {
    const [, number, how, rest = ""] = /^(\d{1,3}) (said|refused|nothing)(?: (.{0,100}))?/.exec(line) ?? [];
    const target = asked[Number(number)];
    if (how === undefined || !target) continue;
    const word = rest.trim();
    const seen: Seen = how === "said" ? { how, word } : { how: how as "refused" | "nothing" };
    if (rankOf(seen, target) > rankOf(found[Number(number)], target)) found[Number(number)] = seen;
  }
  return found;
}

function rankOf(seen: Seen | undefined, { word }: Asked): number {
  if (!seen) return 0;
  if (seen.how !== "said") return seen.how === "nothing" ? 1 : 2;
  return seen.word === word ? 4 : 3;
}
