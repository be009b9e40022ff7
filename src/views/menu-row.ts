/** A command as the manifest has it: what it is called, how it looks, and where it is offered. Pure. */

/** Where rows of a view offer it: on those whose `contextValue` has the flag. */
export type Place = {
  flag: string;
  /** Section of the context menu and place in it: `2_power@1`. */
  group?: string;
  /** Its place among the buttons of the row. */
  inline?: number;
  /** Only where a single row is selected. */
  one?: true;
  /** What the button does while Alt is held. */
  alt?: string;
  /** The view; *Instances* where none is named. */
  view?: ViewName;
};

export type ViewName = "instances" | "project" | "ports" | "images" | "backups" | "operations";

/** In the title of a view: `navigation@1` is a button, everything else stands in the menu. */
export type Bar = { group: string; view?: ViewName; when?: string };

export type CommandRow = {
  title: string;
  icon: string;
  enablement?: string;
  /** When the palette offers it: always where left out; `false`, never, because it needs the row it is called on. */
  palette?: string | false | undefined;
  rows?: readonly Place[];
  bars?: readonly Bar[];
  /** When it is a button above the text that is edited. */
  editor?: string;
  /** When files of the Explorer offer it. */
  explorer?: string;
};

/** There is an instance. */
export const INSTANCES = "!berth.empty";

/** A command on rows of a view; the palette offers it where there is an instance to ask for. */
export function on(title: string, icon: string, place: Place, palette: string = INSTANCES): CommandRow {
  return { title, icon, palette, rows: [place] };
}
