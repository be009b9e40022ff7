/**
 * The little of Ethernet, ARP, IPv4 and UDP that a switch needs to know, read and written. Pure. What a guest sends may
 * be anything: a reader answers undefined to what is not well formed, and never looks beyond the frame.
 */

/** MACs and addresses are numbers, for they are compared far more often than they are shown. */
export const BROADCAST = 0xffff_ffff_ffff;
export const ARP = 0x0806;
export const IPV4 = 0x0800;
const ETHERNET = 14;
const ARP_LENGTH = 28;
const UDP = 17;

export function macOf(text: string): number {
  return Number.parseInt(text.replaceAll(":", ""), 16);
}

export function isMulticast(mac: number): boolean {
  return Math.floor(mac / 2 ** 40) % 2 === 1;
}

export type Ethernet = { to: number; from: number; type: number };

export function readEthernet(frame: Buffer): Ethernet | undefined {
  if (frame.length < ETHERNET) return undefined;
  return { to: frame.readUIntBE(0, 6), from: frame.readUIntBE(6, 6), type: frame.readUInt16BE(12) };
}

export type Arp = {
  request: boolean;
  senderMac: number;
  senderAddress: number;
  targetMac: number;
  targetAddress: number;
};

export function readArp(frame: Buffer): Arp | undefined {
  if (frame.length < ETHERNET + ARP_LENGTH) return undefined;
  // Ethernet and IPv4, with addresses as long as those have.
  if (frame.readUInt32BE(14) !== 0x0001_0800 || frame.readUInt16BE(18) !== 0x0604) return undefined;
  const operation = frame.readUInt16BE(20);
  if (operation !== 1 && operation !== 2) return undefined;
  return {
    request: operation === 1,
    ...{ senderMac: frame.readUIntBE(22, 6), senderAddress: frame.readUInt32BE(28) },
    ...{ targetMac: frame.readUIntBE(32, 6), targetAddress: frame.readUInt32BE(38) },
  };
}

export function arpReply(
  from: { mac: number; address: number },
  to: { mac: number; address: number },
): Buffer {
  const frame = Buffer.alloc(60);
  writeEthernet(frame, { to: to.mac, from: from.mac, type: ARP });
  frame.writeUInt32BE(0x0001_0800, 14);
  frame.writeUInt16BE(0x0604, 18);
  frame.writeUInt16BE(2, 20);
  frame.writeUIntBE(from.mac, 22, 6);
  frame.writeUInt32BE(from.address, 28);
  frame.writeUIntBE(to.mac, 32, 6);
  frame.writeUInt32BE(to.address, 38);
  return frame;
}

export type Datagram = { fromPort: number; toPort: number; payload: Buffer };

export type Ipv4 = {
  from: number;
  to: number;
  /** Present on a whole UDP datagram. */
  udp?: Datagram;
  /** Ports of UDP are known, but not all of it is here. */
  fragment: boolean;
  protocol: number;
};

export function readIpv4(frame: Buffer): Ipv4 | undefined {
  if (frame.length < ETHERNET + 20) return undefined;
  const first = frame.readUInt8(ETHERNET);
  const header = (first & 0x0f) * 4;
  const total = frame.readUInt16BE(ETHERNET + 2);
  if (first >> 4 !== 4 || header < 20 || total < header || frame.length < ETHERNET + total) return undefined;
  const fragmentation = frame.readUInt16BE(ETHERNET + 6) & 0x3fff;
  const protocol = frame.readUInt8(ETHERNET + 9);
  const packet = {
    ...{ from: frame.readUInt32BE(ETHERNET + 12), to: frame.readUInt32BE(ETHERNET + 16) },
    ...{ protocol, fragment: fragmentation !== 0 },
  };
  if (protocol !== UDP || packet.fragment) return packet;
  const udp = readUdp(frame.subarray(ETHERNET + header, ETHERNET + total));
  return udp && { ...packet, udp };
}

function readUdp(packet: Buffer): Datagram | undefined {
  if (packet.length < 8) return undefined;
  const length = packet.readUInt16BE(4);
  if (length < 8 || length > packet.length) return undefined;
  return {
    fromPort: packet.readUInt16BE(0),
    toPort: packet.readUInt16BE(2),
    payload: packet.subarray(8, length),
  };
}

type End = { mac: number; address: number; port: number };

export function udpFrame(from: End, to: End, payload: Buffer): Buffer {
  const frame = Buffer.alloc(Math.max(60, ETHERNET + 28 + payload.length));
  writeEthernet(frame, { to: to.mac, from: from.mac, type: IPV4 });
  const ip = frame.subarray(ETHERNET);
  ip.writeUInt16BE(0x4500, 0);
  ip.writeUInt16BE(28 + payload.length, 2);
  ip.writeUInt16BE(0x4000, 6); // Not to be fragmented.
  ip.writeUInt8(64, 8);
  ip.writeUInt8(UDP, 9);
  ip.writeUInt32BE(from.address, 12);
  ip.writeUInt32BE(to.address, 16);
  ip.writeUInt16BE(checksum(ip.subarray(0, 20)), 10);
  ip.writeUInt16BE(from.port, 20);
  ip.writeUInt16BE(to.port, 22);
  ip.writeUInt16BE(8 + payload.length, 24);
  // UDP's own checksum may be left out over IPv4.
  payload.copy(ip, 28);
  return frame;
}

function writeEthernet(frame: Buffer, { to, from, type }: Ethernet): void {
  frame.writeUIntBE(to, 0, 6);
  frame.writeUIntBE(from, 6, 6);
  frame.writeUInt16BE(type, 12);
}

/** The Internet's: ones' complement of the sum of 16-bit words. */
export function checksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
