/** The words of a graphical console, in the reader's language. */
import * as vscode from "vscode";
import { capitalised, operationText } from "../phrases.ts";
import { withoutControls } from "../plain-text.ts";
import type { Phase } from "./phase.ts";
import type { Notice, Words } from "./protocol.ts";

const { t } = vscode.l10n;

export function words(): Words {
  return {
    tools: t("Graphical console"),
    ctrlAltDel: t("Ctrl+Alt+Del"),
    keys: t("Send Keys…"),
    keysTitle: t("Keys that this computer keeps for itself"),
    size: t("Size of the screen"),
    fit: t("Scale to Fit"),
    actual: t("Actual Size"),
    guest: t("Resize the Guest"),
    viewOnly: t("View Only"),
    screenshot: t("Screenshot…"),
    reconnect: t("Reconnect"),
    release: t("Release Keyboard"),
    screen: t("The guest's screen. It takes every key; Ctrl+Alt+G gives the keyboard back."),
    hasKeyboard: t("Keys go to the guest. Ctrl+Alt+G, or a click outside, gives the keyboard back."),
    enterKeyboard: t("Click into the screen to type."),
    noKeyboard: t("View only: neither keys nor the pointer go to the guest."),
  };
}

export function titleOf(name: string): string {
  return t("{0}: Console", name);
}

/** Undefined where the screen itself is shown. */
export function noticeOf(phase: Phase, name: string): Notice | undefined {
  const connect = { label: t("Reconnect"), command: "connect" } as const;
  switch (phase.is) {
    case "open":
      return undefined;
    case "connecting":
      return { title: t("Connecting to the screen of {0}…", name) };
    case "busy":
      return { title: phase.operation ? capitalised(operationText(phase.operation)) : t("Please wait…") };
    case "off":
      return {
        title: phase.suspended ? t("{0} is suspended.", name) : t("{0} is not running.", name),
        text: t("Its screen is there as soon as it runs."),
        button: phase.canStart ? { label: t("Start"), command: "berth.start" } : undefined,
      };
    case "lost":
      return {
        title: t("The connection to the screen of {0} was lost.", name),
        text: withoutControls(phase.reason),
        button: connect,
      };
    case "none":
      return {
        title: t("{0} has no graphical console: it was launched without one.", name),
        text: t("Its serial console is there."),
        button: { label: t("Open Serial Console"), command: "berth.openConsole" },
      };
    case "away":
      return {
        title: t("The engine cannot be reached."),
        text: withoutControls(phase.reason),
        button: { label: t("Reconnect"), command: "berth.reconnect" },
      };
    case "gone":
      return { title: t("{0} is no more.", name || t("This instance")) };
  }
}
