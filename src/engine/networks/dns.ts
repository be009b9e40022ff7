/** Answers questions for instances' names: `web` and `web.berth`, and back from an address. Pure. */
import packet from "dns-packet";
import { formatAddress } from "./addresses.ts";

/** Whose addresses are asked for, as they are at this moment. */
export type Names = {
  /** The address of the instance of that name, in whatever case it is written. */
  addressOf(name: string): string | undefined;
  nameOf(address: string): string | undefined;
  /** Whether the address is one that only we can know a name of. */
  covers(address: string): boolean;
};

export const DOMAIN = "berth";

type Verdict = { code: "NOERROR" | "NXDOMAIN" | "REFUSED"; answers?: packet.Answer[] };

const RESPONSE = 1 << 15;
const AUTHORITATIVE = 1 << 10;
const CODES = { NOERROR: 0, NXDOMAIN: 3, REFUSED: 5 } as const;

/** Undefined where it is not a question: nothing is answered to that, for it could go round for ever. */
export function answerDns(query: Buffer, names: Names): Buffer | undefined {
  let asked: packet.DecodedPacket;
  try {
    asked = packet.decode(query);
  } catch {
    return undefined;
  }
  const [question, ...more] = asked.questions ?? [];
  const opcode = ((asked.flags ?? 0) >> 11) & 0xf;
  if (asked.type !== "query" || opcode !== 0 || !question || more.length > 0) return undefined;
  const { code, answers = [] } = verdictOn(question, names);
  const recursion = (asked.flags ?? 0) & packet.RECURSION_DESIRED;
  const flags = RESPONSE | (code === "REFUSED" ? 0 : AUTHORITATIVE) | recursion | CODES[code];
  try {
    return packet.encode({ type: "response", id: asked.id ?? 0, flags, questions: [question], answers });
  } catch {
    return undefined; // A type or a class that cannot be written again.
  }
}

/** Nothing is kept by who asks: another instance may have the name in a moment. */
const TTL = 0;

function verdictOn({ name, type, class: kind = "IN" }: packet.Question, names: Names): Verdict {
  if (kind !== "IN") return { code: "REFUSED" };
  const wanted = name.toLowerCase();
  const reverse = addressIn(wanted);
  if (reverse !== undefined) return names.covers(reverse) ? back(name, type, names.nameOf(reverse)) : refused;
  if (wanted === DOMAIN) return { code: "NOERROR" };
  const inDomain = wanted.endsWith(`.${DOMAIN}`);
  const address = names.addressOf(inDomain ? wanted.slice(0, -DOMAIN.length - 1) : wanted);
  // A single word that is nobody's here may be somebody's elsewhere.
  if (address === undefined) return inDomain ? { code: "NXDOMAIN" } : refused;
  const answers: packet.Answer[] = [{ type: "A", name, ttl: TTL, data: address }];
  return { code: "NOERROR", answers: asksFor("A", type) ? answers : [] };
}

const refused: Verdict = { code: "REFUSED" };

function back(name: string, type: string, instance: string | undefined): Verdict {
  if (instance === undefined) return { code: "NXDOMAIN" };
  const answers: packet.Answer[] = [{ type: "PTR", name, ttl: TTL, data: `${instance}.${DOMAIN}` }];
  return { code: "NOERROR", answers: asksFor("PTR", type) ? answers : [] };
}

function asksFor(kind: string, type: string): boolean {
  return type === kind || type === "ANY";
}

/** `9.0.77.10.in-addr.arpa` → `10.77.0.9`. */
function addressIn(name: string): string | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  const bytes = match?.slice(1).reverse().map(Number);
  if (!bytes || bytes.some((byte) => byte > 255)) return undefined;
  return formatAddress(bytes.reduce((sum, byte) => sum * 256 + byte, 0));
}
