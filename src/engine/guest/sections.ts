/** What a script of ours prints again and again: sections, each under a `== name` line, up to `== end`. Pure. */

const END = "== end\n";
/** Output without an end is dropped, so memory stays small. */
const MAX_CHARS = 256 * 1024;

/** What a section holds; empty where there is none of that name. */
export type Section = (name: string) => string;

export class SectionReader {
  #text = "";

  push(chunk: string): Section[] {
    const parts = (this.#text + chunk).split(END);
    this.#text = (parts.pop() ?? "").slice(-MAX_CHARS);
    return parts.map(sectionsOf);
  }
}

export function sectionsOf(text: string): Section {
  const sections = new Map(
    text
      .split(/^== /m)
      .slice(1)
      .map((part) => [part.split("\n", 1)[0] ?? "", part.slice(part.indexOf("\n") + 1)]),
  );
  return (name) => sections.get(name) ?? "";
}
