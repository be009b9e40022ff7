/** Tabs as the ARIA authoring practices describe them: arrow keys move, only the chosen one is in the tab order. */
import { h } from "../dom.ts";

export type Tab = { id: string; label: string; element: HTMLElement; onShow?: () => void };

export class Tabs {
  readonly element: HTMLElement;
  readonly #tabs: readonly Tab[];
  readonly #buttons: HTMLButtonElement[];
  readonly #onChange: (id: string) => void;

  constructor(tabs: readonly Tab[], onChange: (id: string) => void) {
    this.#tabs = tabs;
    this.#onChange = onChange;
    this.#buttons = tabs.map((tab) => this.#buttonOf(tab));
    for (const { id, element } of tabs) {
      element.id = `panel-${id}`;
      element.setAttribute("role", "tabpanel");
      element.setAttribute("aria-labelledby", `tab-${id}`);
    }
    const bar = h("div", { class: "tabs", role: "tablist" }, ...this.#buttons);
    this.element = h("div", {}, bar, ...tabs.map(({ element }) => element));
  }

  show(wanted: string): void {
    const shown = this.#tabs.find(({ id }) => id === wanted) ?? this.#tabs[0];
    this.#tabs.forEach((tab, at) => {
      tab.element.hidden = tab !== shown;
      this.#buttons[at]?.setAttribute("aria-selected", String(tab === shown));
      this.#buttons[at]?.setAttribute("tabindex", tab === shown ? "0" : "-1");
    });
    if (!shown) return;
    shown.onShow?.();
    this.#onChange(shown.id);
  }

  /** Takes a tab away, or puts it back; one that is shown gives way to the first. */
  offer(id: string, offered: boolean): void {
    const at = this.#tabs.findIndex((tab) => tab.id === id);
    const button = this.#buttons[at];
    if (!button || button.hidden === !offered) return;
    button.hidden = !offered;
    if (!offered && this.#tabs[at]?.element.hidden === false) this.show(this.#tabs[0]?.id ?? id);
  }

  rename(id: string, label: string): void {
    const button = this.#buttons[this.#tabs.findIndex((tab) => tab.id === id)];
    if (button && button.textContent !== label) button.textContent = label;
  }

  #buttonOf({ id, label }: Tab): HTMLButtonElement {
    const facts = { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}` };
    const onclick = () => this.show(id);
    return h("button", { ...facts, onclick, onkeydown: (event) => this.#onKey(event, id) }, label);
  }

  #onKey(event: KeyboardEvent, id: string): void {
    const at = this.#tabs.findIndex((tab) => tab.id === id);
    const there = this.#buttons.flatMap((button, index) => (button.hidden ? [] : [index]));
    const here = there.indexOf(at);
    const moves: Record<string, number | undefined> = {
      ArrowRight: there[here + 1] ?? there[0],
      ArrowLeft: there[here - 1] ?? there.at(-1),
      Home: there[0],
      End: there.at(-1),
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.show(this.#tabs[to]?.id ?? id);
    this.#buttons[to]?.focus();
  }
}
