/** What a person types for a port forward. Pure. */
import type { NewPortForward } from "../api/port.ts";

/** Several of them, apart from each other by spaces or commas; undefined where one of them is none. */
export function typedPorts(text: string): NewPortForward[] | undefined {
  const ports = text
    .split(/[\s,]+/)
    .filter((word) => word !== "")
    .map(typedPort);
  return ports.every((port) => port !== undefined) ? ports : undefined;
}

/** `80`, `8080:80`, `5353:53/udp`, `0.0.0.0:8080:80`; undefined for anything else. */
export function typedPort(text: string): NewPortForward | undefined {
  const match = /^\s*(?:(?:(\d+(?:\.\d+){3}):)?(\d{1,5}):)?(\d{1,5})(?:\/(tcp|udp))?\s*$/i.exec(text);
  if (!match) return undefined;
  const [, address, host, guest, protocol = "tcp"] = match;
  const ports = [host, guest].filter((port) => port !== undefined).map(Number);
  if (ports.some((port) => port < 1 || port > 65_535)) return undefined;
  if (address?.split(".").some((part) => Number(part) > 255)) return undefined;
  return {
    protocol: protocol.toLowerCase() === "udp" ? "udp" : "tcp",
    hostAddress: address ?? "127.0.0.1",
    guestPort: Number(guest),
    ...(host === undefined ? {} : { hostPort: Number(host) }),
  };
}
