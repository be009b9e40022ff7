/** The page of a graphical console. It draws what the guest's screen says, and sends back keys and the pointer. */
import "./display.css";
import { type Look, lookOf } from "../../display/look.ts";
import { type Notice, readTold, type ToDisplay, type Words } from "../../display/protocol.ts";
import { type Child, h, Part } from "../dom.ts";
import { save, saved, tell } from "./host.ts";
import { Screen } from "./screen.ts";
import { toolbar } from "./toolbar.ts";

const root = document.getElementById("root");
const look: Look = lookOf(saved());
let words: Words | undefined;
let hasKeyboard = false;

const screen = new Screen(h("div", { class: "screen" }), look, {
  keyboard: (has) => {
    hasKeyboard = has;
    tellKeyboard();
  },
  connected: () => screen.element.classList.add("connected"),
});
const status = h("div", { class: "status", role: "status" });
const notice = new Part<{ shown: Notice | undefined }>(h("div", { class: "notice" }), ({ shown }) =>
  shown ? drawNotice(shown) : [],
);
const tools = new Part<Words>(h("div"), (texts) => [
  toolbar(texts, look, screen, {
    look: (wanted) => {
      save(wanted);
      screen.look = wanted;
      tellKeyboard();
    },
    reconnect: () => tell({ type: "connect" }),
  }),
]);

function drawNotice({ title, text, button }: Notice): Child[] {
  const onclick = () => {
    if (button?.command === "connect") tell({ type: "connect" });
    else if (button) tell({ type: "command", command: button.command });
  };
  return [
    h("h1", {}, title),
    text !== undefined && h("p", {}, text),
    button && h("button", { type: "button", class: "primary", onclick }, button.label),
  ];
}

function tellKeyboard(): void {
  if (!words) return;
  const { noKeyboard, hasKeyboard: has, enterKeyboard } = words;
  status.textContent = look.viewOnly ? noKeyboard : hasKeyboard ? has : enterKeyboard;
}

function showState(message: Extract<ToDisplay, { type: "state" }>): void {
  words = message.words;
  save({ id: message.id });
  if (!tools.element.parentElement)
    root?.replaceChildren(tools.element, notice.element, screen.element, status);
  tools.update(words);
  notice.update({ shown: message.notice });
  screen.label = words.screen;
  const seen = message.notice === undefined;
  notice.element.hidden = seen;
  for (const element of [tools.element, screen.element, status]) element.hidden = !seen;
  tellKeyboard();
}

window.addEventListener("message", ({ data: value }: MessageEvent<unknown>) => {
  const data = readTold(value);
  if (!data) return;
  if (data.type === "state") showState(data);
  else if (data.type === "opened") screen.open(data.stream);
  else if (data.type === "bytes") screen.receive(data.stream, data.bytes);
  else if (data.type === "closed") screen.close(data.stream);
});
tell({ type: "ready" });
