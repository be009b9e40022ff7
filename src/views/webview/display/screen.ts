/** The guest's screen: noVNC on a channel to the extension, one at a time. */
import RFB from "@novnc/novnc";
import { type Channel, createChannel } from "../../display/channel.ts";
import { type Chord, isRelease, strokes } from "../../display/keys.ts";
import { type Look, rfbOptions } from "../../display/look.ts";
import { tell } from "./host.ts";

export type ScreenEvents = {
  /** Whether keys go to the guest now. */
  keyboard: (has: boolean) => void;
  connected: () => void;
};

type Shown = { stream: number; rfb: RFB; channel: Channel };

export class Screen {
  readonly element: HTMLElement;
  readonly #events: ScreenEvents;
  #look: Look;
  #label = "";
  #shown: Shown | undefined;

  constructor(element: HTMLElement, look: Look, events: ScreenEvents) {
    this.element = element;
    this.#look = look;
    this.#events = events;
    // Before noVNC, which takes every key.
    element.addEventListener("keydown", (event) => this.#onKey(event), { capture: true });
    element.addEventListener("focusin", () => events.keyboard(true));
    element.addEventListener("focusout", () => events.keyboard(false));
  }

  set label(text: string) {
    this.#label = text;
    this.#canvas()?.setAttribute("aria-label", text);
  }

  set look(look: Look) {
    this.#look = look;
    if (look.viewOnly) letGo(); // Afterwards no key could be let go any more.
    if (this.#shown) Object.assign(this.#shown.rfb, rfbOptions(look));
  }

  open(stream: number): void {
    this.close();
    const channel = createChannel({
      send: (bytes) => tell({ type: "bytes", stream, bytes }),
      taken: (count) => tell({ type: "taken", stream, count }),
    });
    const rfb = new RFB(this.element, channel, { shared: true });
    Object.assign(rfb, rfbOptions(this.#look), { background: "var(--vscode-editor-background)" });
    this.#shown = { stream, rfb, channel };
    const fail = (reason: string) => {
      if (this.#shown?.rfb === rfb) tell({ type: "failed", stream, reason });
    };
    rfb.addEventListener("connect", () => this.#onConnect());
    rfb.addEventListener("securityfailure", ({ detail }) => fail(detail.reason ?? "security"));
    rfb.addEventListener("credentialsrequired", ({ detail }) => fail(detail.types.join(", ")));
    rfb.addEventListener("disconnect", ({ detail }) => {
      if (!detail.clean) fail("RFB");
    });
  }

  receive(stream: number, bytes: Uint8Array): void {
    if (this.#shown?.stream === stream) this.#shown.channel.receive(bytes);
  }

  close(stream = this.#shown?.stream): void {
    const shown = this.#shown;
    if (!shown || shown.stream !== stream) return;
    this.#shown = undefined;
    shown.rfb.disconnect();
    shown.channel.end();
    this.#events.keyboard(false);
  }

  focus(): void {
    this.#shown?.rfb.focus({ preventScroll: true });
  }

  /** Gives the keyboard back. */
  release(): void {
    letGo();
    this.#shown?.rfb.blur();
  }

  sendCtrlAltDel(): void {
    this.#shown?.rfb.sendCtrlAltDel();
  }

  send({ keys }: Chord): void {
    for (const { keysym, code, down } of strokes(keys)) this.#shown?.rfb.sendKey(keysym, code, down);
  }

  screenshot(): void {
    this.#shown?.rfb.toBlob((blob) => {
      void blob?.arrayBuffer().then((buffer) => tell({ type: "screenshot", bytes: new Uint8Array(buffer) }));
    }, "image/png");
  }

  #onConnect(): void {
    const canvas = this.#canvas();
    canvas?.setAttribute("tabindex", "0");
    canvas?.setAttribute("role", "application");
    canvas?.setAttribute("aria-label", this.#label);
    this.#events.connected();
    if (document.hasFocus()) this.focus();
  }

  #onKey(event: KeyboardEvent): void {
    if (!isRelease(event)) return;
    event.preventDefault();
    event.stopPropagation();
    this.release();
  }

  #canvas(): HTMLCanvasElement | null {
    return this.element.querySelector("canvas");
  }
}

/** noVNC lets go of all keys that are down when the window loses its focus; nothing else makes it do so. */
function letGo(): void {
  window.dispatchEvent(new Event("blur"));
}
