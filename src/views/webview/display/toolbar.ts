/** What can be done with a screen beside looking at it. */

import { CHORDS } from "../../display/keys.ts";
import { type Look, SIZES, type Size } from "../../display/look.ts";
import type { Words } from "../../display/protocol.ts";
import { h } from "../dom.ts";
import type { Screen } from "./screen.ts";

export type ToolbarEvents = { look: (look: Look) => void; reconnect: () => void };

/** `look` is what is shown when it is drawn; what is chosen afterwards is told. */
export function toolbar(words: Words, look: Look, screen: Screen, events: ToolbarEvents): HTMLElement {
  const change = (patch: Partial<Look>) => events.look(Object.assign(look, patch));
  const button = (label: string, onclick: () => void) =>
    h("button", { type: "button", class: "secondary", onclick }, label);
  return h(
    "div",
    { class: "tools", role: "toolbar", "aria-label": words.tools },
    button(words.ctrlAltDel, () => {
      screen.sendCtrlAltDel();
      screen.focus();
    }),
    keys(words, screen),
    sizes(words, look.size, (size) => change({ size })),
    viewOnly(words, look.viewOnly, (on) => change({ viewOnly: on })),
    button(words.screenshot, () => screen.screenshot()),
    button(words.reconnect, events.reconnect),
    button(words.release, () => screen.release()),
  );
}

/** A list that always shows its title: what is chosen is sent, and not kept. */
function keys(words: Words, screen: Screen): HTMLElement {
  const select = h(
    "select",
    {
      "aria-label": words.keysTitle,
      title: words.keysTitle,
      onchange: () => {
        const chord = CHORDS[Number(select.value)];
        select.value = "";
        if (chord) screen.send(chord);
        screen.focus();
      },
    },
    h("option", { value: "" }, words.keys),
    ...CHORDS.map(({ label }, at) => h("option", { value: at }, label)),
  );
  return select;
}

function sizes(words: Words, shown: Size, choose: (size: Size) => void): HTMLElement {
  const select = h(
    "select",
    {
      "aria-label": words.size,
      title: words.size,
      onchange: () => {
        const size = SIZES.find((known) => known === select.value);
        if (size) choose(size);
      },
    },
    ...SIZES.map((size) => h("option", { value: size, selected: size === shown }, words[size])),
  );
  return select;
}

function viewOnly(words: Words, on: boolean, choose: (on: boolean) => void): HTMLElement {
  const box = h("input", { type: "checkbox", checked: on, onchange: () => choose(box.checked) });
  return h("label", {}, box, words.viewOnly);
}
