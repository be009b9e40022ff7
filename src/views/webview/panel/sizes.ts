/** The form of an instance's sizes. */
import type { PanelState, SizeForm } from "../../panel/protocol.ts";
import { type Child, h } from "../dom.ts";
import { tell } from "./host.ts";

const POLICIES = { off: "Never", on: "When this host has booted", restore: "If it ran before" };

const GROWS = "It can only grow; the guest's filesystem follows at its next boot";

export function sizes({ cpus, memory, disk, autostart, locked }: PanelState["sizes"]): Child[] {
  const off = locked !== undefined;
  const open = disk === undefined ? "; without one there is no limit" : "";
  const options = Object.entries(POLICIES).map(([value, label]) =>
    h("option", { value, selected: value === autostart }, label),
  );
  const form = h(
    "form",
    { class: "sizes" },
    ...field("cpus", "CPUs", cpus, `A whole number from 1${open}`, off),
    ...field("memory", "Memory", memory, `Such as 512M, 2G or 1.5GiB${open}`, off),
    ...(disk === undefined ? [] : field("disk", "Disk", disk, GROWS, off)),
    h("label", { for: "size-autostart" }, "Starts by itself"),
    h("select", { id: "size-autostart", name: "autostart" }, ...options),
    h("span", {}),
    h("div", { class: "row" }, h("button", { type: "submit", class: "primary", id: "size-save" }, "Save")),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    tell({ type: "resize", form: valuesOf(form) });
  });
  return [off && h("p", { class: "remark" }, locked), form];
}

function field(name: keyof SizeForm, label: string, value: string, hint: string, disabled: boolean): Child[] {
  const id = `size-${name}`;
  const facts = { id, name, value, disabled, autocomplete: "off", "aria-describedby": `${id}-hint` };
  const input = h("input", facts);
  return [h("label", { for: id }, label), h("div", {}, input, h("small", { id: `${id}-hint` }, hint))];
}

function valuesOf(form: HTMLFormElement): SizeForm {
  const value = (name: string) => (form.elements.namedItem(name) as HTMLInputElement | null)?.value ?? "";
  return { cpus: value("cpus"), memory: value("memory"), disk: value("disk"), autostart: value("autostart") };
}
