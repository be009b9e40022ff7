/** Elements from data. Text only ever becomes text: what a guest wrote is never read as markup. */

export type Child = Node | string | undefined | false;

type Attributes = {
  class?: string;
  onclick?: (event: MouseEvent) => void;
  onchange?: (event: Event) => void;
  onkeydown?: (event: KeyboardEvent) => void;
  onsubmit?: (event: SubmitEvent) => void;
} & Record<string, unknown>;

/** Functions become listeners, `true` an attribute that is there, everything else its text. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter(isShown));
  return element;
}

/** Redraws a part only when what it shows is different, so that focus and selection survive what does not concern them. */
export class Part<T> {
  readonly element: HTMLElement;
  readonly #draw: (data: T) => Child[];
  #shown = "";

  constructor(element: HTMLElement, draw: (data: T) => Child[]) {
    this.element = element;
    this.#draw = draw;
  }

  update(data: T): void {
    const text = JSON.stringify(data);
    if (text === this.#shown) return;
    this.#shown = text;
    const focused = this.element.contains(document.activeElement) ? document.activeElement?.id : undefined;
    this.element.replaceChildren(...this.#draw(data).filter(isShown));
    if (focused) focusAgain(focused);
  }
}

/** Not while the keyboard is elsewhere in the window, which a call of `focus` would take it from. */
function focusAgain(id: string): void {
  const focus = () => document.getElementById(id)?.focus();
  if (document.hasFocus()) focus();
  else
    window.addEventListener("focus", () => document.activeElement === document.body && focus(), {
      once: true,
    });
}

function isShown(child: Child): child is Node | string {
  return child !== undefined && child !== false;
}
