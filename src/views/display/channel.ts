/**
 * What noVNC takes for a WebSocket: what it sends goes to the extension, which has the stream to the engine, and what
 * the extension brings is its message. noVNC looks the members up by name, so each is the object's own.
 */

/** As much of a WebSocket or an RTCDataChannel as noVNC looks for. */
export type RawChannel = {
  binaryType: string;
  protocol: string;
  readyState: string;
  onopen: (() => void) | null;
  onmessage: ((event: { data: Uint8Array }) => void) | null;
  onclose: ((event: { code?: number; reason?: string }) => void) | null;
  onerror: ((event: unknown) => void) | null;
  send(bytes: Uint8Array): void;
  close(): void;
};

export type Port = {
  send: (bytes: Uint8Array<ArrayBuffer>) => void;
  /** So many bytes have been drawn. */
  taken: (count: number) => void;
};

export type Channel = RawChannel & {
  receive(bytes: Uint8Array): void;
  /** The extension's side has ended. */
  end(): void;
};

export function createChannel(port: Port): Channel {
  const channel: Channel = {
    ...{ binaryType: "arraybuffer", protocol: "", readyState: "open" },
    ...{ onopen: null, onmessage: null, onclose: null, onerror: null },
    // A copy: noVNC writes its next message into the same buffer.
    send: (bytes) => port.send(new Uint8Array(bytes)),
    close: () => channel.end(),
    receive: (bytes) => {
      if (channel.readyState !== "open") return;
      channel.onmessage?.({ data: bytes });
      port.taken(bytes.length);
    },
    end: () => {
      if (channel.readyState === "closed") return;
      channel.readyState = "closed";
      channel.onclose?.({});
    },
  };
  return channel;
}
