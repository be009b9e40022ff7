/** The way to the extension, and what survives a reload of the window. */
import type { FromPanel } from "../../panel/protocol.ts";

type Saved = { id?: string; tab?: string };

type Api = {
  postMessage(message: FromPanel): void;
  getState(): Saved | undefined;
  setState(state: Saved): void;
};

declare function acquireVsCodeApi(): Api;

const api = acquireVsCodeApi();

export function tell(message: FromPanel): void {
  api.postMessage(message);
}

export function saved(): Saved {
  return api.getState() ?? {};
}

export function save(patch: Saved): void {
  api.setState({ ...saved(), ...patch });
}
