/**
 * What becomes of a frame that a guest sends to the engine's network. Pure. The engine knows every guest's MAC and
 * address, so nothing is learned from frames: what does not come from the guest's own is dropped, and so is whatever
 * could make a guest believe another about who is who (servers' DHCP, IPv6 with its router advertisements).
 */
import { answerDhcp } from "./dhcp.ts";
import { answerDns, type Names } from "./dns.ts";
import {
  ARP,
  arpReply,
  BROADCAST,
  type Ethernet,
  IPV4,
  type Ipv4,
  isMulticast,
  readArp,
  readEthernet,
  readIpv4,
  udpFrame,
} from "./packets.ts";

/** A guest's place on the network. */
export type Station = { mac: number; address: number };

/** Who answers for the network itself: names, and addresses by DHCP. */
export type Service = Station & { mask: number };

export type Verdict =
  /** To whom it goes: the station with that MAC, or all but the sender. */
  | { how: "one"; mac: number }
  | { how: "all" }
  /** It was for the network itself, which sends this back. */
  | { how: "answer"; frame: Buffer }
  | { how: "drop"; why: Drop };

export type Drop = "malformed" | "oversize" | "spoofed" | "unwanted" | "nobody";

/** 1500 bytes and their Ethernet header. */
const LONGEST = 1514;
const UDP = 17;
const PORT = { dns: 53, dhcpServer: 67, dhcpClient: 68 } as const;

export function judge(frame: Buffer, from: Station, service: Service, names: Names): Verdict {
  if (frame.length > LONGEST) return drop("oversize");
  const ethernet = readEthernet(frame);
  if (!ethernet) return drop("malformed");
  if (ethernet.from !== from.mac) return drop("spoofed");
  if (ethernet.type === ARP) return judgeArp(frame, ethernet, from, service);
  if (ethernet.type === IPV4) return judgeIpv4(frame, ethernet, from, service, names);
  return drop("unwanted");
}

function judgeArp(frame: Buffer, ethernet: Ethernet, from: Station, service: Service): Verdict {
  const arp = readArp(frame);
  if (!arp) return drop("malformed");
  const probing = arp.request && arp.senderAddress === 0;
  if (arp.senderMac !== from.mac || !(probing || arp.senderAddress === from.address)) return drop("spoofed");
  if (arp.targetAddress !== service.address) return deliver(ethernet, service);
  if (!arp.request) return drop("nobody");
  return { how: "answer", frame: arpReply(service, { mac: from.mac, address: arp.senderAddress }) };
}

function judgeIpv4(
  frame: Buffer,
  ethernet: Ethernet,
  from: Station,
  service: Service,
  names: Names,
): Verdict {
  const packet = readIpv4(frame);
  if (!packet) return drop("malformed");
  const { udp } = packet;
  if (udp?.fromPort === PORT.dhcpClient && udp.toPort === PORT.dhcpServer) {
    return lease(packet, from, service);
  }
  if (packet.from !== from.address) return drop("spoofed");
  // Pieces of a datagram could hide what the whole may not be.
  if (
    udp?.fromPort === PORT.dhcpServer ||
    (packet.protocol === UDP && packet.fragment && isForAll(packet, ethernet))
  )
    return drop("unwanted");
  if (packet.to !== service.address) return deliver(ethernet, service);
  const answer = udp?.toPort === PORT.dns ? answerDns(udp.payload, names) : undefined;
  if (!answer || !udp) return drop("nobody");
  const back = { ...from, port: udp.fromPort };
  return { how: "answer", frame: udpFrame({ ...service, port: PORT.dns }, back, answer) };
}

function isForAll(packet: Ipv4, ethernet: Ethernet): boolean {
  return isMulticast(ethernet.to) || packet.to === 0xffff_ffff;
}

/** A guest without an address asks for one; its address is its own or none yet. */
function lease(packet: Ipv4, from: Station, service: Service): Verdict {
  if (packet.from !== 0 && packet.from !== from.address) return drop("spoofed");
  const given = { ...from, mask: service.mask, server: service.address };
  const answer = answerDhcp(packet.udp?.payload ?? Buffer.alloc(0), given);
  if (!answer) return drop("unwanted");
  const everybody = { mac: from.mac, address: 0xffff_ffff, port: PORT.dhcpClient };
  return { how: "answer", frame: udpFrame({ ...service, port: PORT.dhcpServer }, everybody, answer) };
}

function deliver({ to, from }: Ethernet, service: Service): Verdict {
  if (to === BROADCAST || isMulticast(to)) return { how: "all" };
  return to === from || to === service.mac ? drop("nobody") : { how: "one", mac: to };
}

function drop(why: Drop): Verdict {
  return { how: "drop", why };
}
