/**
 * Gives a guest that asks by DHCP the one address that is its own; for guests without cloud-init. No router and no name
 * server is offered, so that a guest's other NIC stays the way out. RFC 2131 and 2132. Pure.
 */

const COOKIE = 0x6382_5363;
const FIXED = 240;
const LEASE_SECONDS = 86_400;
const OPTION = { mask: 1, requested: 50, lease: 51, type: 53, server: 54, end: 255 } as const;
const TYPE = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, inform: 8 } as const;

export type Lease = { mac: number; address: number; mask: number; server: number };

/** The answer's payload; undefined where none is due. */
export function answerDhcp(message: Buffer, lease: Lease): Buffer | undefined {
  const options = optionsOf(message);
  if (!options || message.readUIntBE(28, 6) !== lease.mac) return undefined;
  const type = options.get(OPTION.type)?.[0];
  if (type === TYPE.discover) return reply(message, lease, TYPE.offer);
  const client = message.readUInt32BE(12);
  if (type === TYPE.inform) return client === lease.address ? reply(message, lease, TYPE.ack) : undefined;
  if (type !== TYPE.request) return undefined;
  const server = addressOf(options.get(OPTION.server));
  if (server !== undefined && server !== lease.server) return undefined; // It has chosen another one.
  const wanted = addressOf(options.get(OPTION.requested)) ?? client;
  return reply(message, lease, wanted === lease.address ? TYPE.ack : TYPE.nak);
}

/** Undefined where it is not a client's message from Ethernet, whole and with well-formed options. */
function optionsOf(message: Buffer): Map<number, Buffer> | undefined {
  if (message.length < FIXED || message.readUInt32BE(236) !== COOKIE) return undefined;
  if (message[0] !== 1 || message[1] !== 1 || message[2] !== 6) return undefined;
  const options = new Map<number, Buffer>();
  for (let at = FIXED; at < message.length; ) {
    const code = message.readUInt8(at);
    if (code === OPTION.end) break;
    if (code === 0) {
      at += 1;
      continue;
    }
    const length = message[at + 1];
    if (length === undefined || at + 2 + length > message.length) return undefined;
    if (!options.has(code)) options.set(code, message.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return options;
}

function addressOf(option: Buffer | undefined): number | undefined {
  return option?.length === 4 ? option.readUInt32BE(0) : undefined;
}

function reply(message: Buffer, lease: Lease, type: number): Buffer {
  const answer = Buffer.alloc(300);
  answer.set([2, 1, 6, 0]);
  message.copy(answer, 4, 4, 8); // Transaction.
  message.copy(answer, 10, 10, 12); // Flags.
  message.copy(answer, 28, 28, 44);
  answer.writeUInt32BE(COOKIE, 236);
  const given = type !== TYPE.nak;
  // To a question for more than the address, the address is not given again.
  const informed = given && message.readUInt32BE(12) === lease.address;
  if (informed) answer.writeUInt32BE(lease.address, 12);
  if (given) answer.writeUInt32BE(lease.address, 16);
  let at = answer.writeUInt8(OPTION.type, FIXED);
  at = answer.writeUInt8(1, at);
  at = answer.writeUInt8(type, at);
  at = number(answer, at, OPTION.server, lease.server);
  if (given) {
    at = number(answer, at, OPTION.lease, LEASE_SECONDS);
    at = number(answer, at, OPTION.mask, lease.mask);
  }
  answer.writeUInt8(OPTION.end, at);
  return answer;
}

function number(answer: Buffer, at: number, option: number, value: number): number {
  answer.set([option, 4], at);
  return answer.writeUInt32BE(value, at + 2);
}
