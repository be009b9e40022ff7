/** The way to the extension, and what survives a reload of the window. */

import type { Look } from "../../display/look.ts";
import type { FromDisplay } from "../../display/protocol.ts";

type Saved = { id?: string } & Partial<Look>;

type Api = {
  postMessage(message: FromDisplay, transfer?: Transferable[]): void;
  getState(): Saved | undefined;
  setState(state: Saved): void;
};

declare function acquireVsCodeApi(): Api;

const api = acquireVsCodeApi();

export function tell(message: FromDisplay): void {
  api.postMessage(message);
}

export function saved(): Saved {
  return api.getState() ?? {};
}

export function save(patch: Saved): void {
  api.setState({ ...saved(), ...patch });
}
