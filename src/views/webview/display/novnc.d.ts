/** What is used of noVNC, which has no types of its own; its docs/API.md is what this says. */
declare module "@novnc/novnc" {
  import type { RawChannel } from "../../display/channel.ts";

  type Events = {
    connect: CustomEvent<undefined>;
    disconnect: CustomEvent<{ clean: boolean }>;
    securityfailure: CustomEvent<{ status: number; reason?: string }>;
    credentialsrequired: CustomEvent<{ types: string[] }>;
  };

  export default class RFB {
    constructor(target: HTMLElement, channel: RawChannel, options?: { shared?: boolean });
    background: string;
    viewOnly: boolean;
    scaleViewport: boolean;
    resizeSession: boolean;
    showDotCursor: boolean;
    addEventListener<K extends keyof Events>(type: K, listener: (event: Events[K]) => void): void;
    disconnect(): void;
    sendCtrlAltDel(): void;
    sendKey(keysym: number, code: string, down?: boolean): void;
    focus(options?: FocusOptions): void;
    blur(): void;
    toBlob(callback: (blob: Blob | null) => void, type?: string): void;
  }
}
