/** How a screen is shown: kept by the page, for as long as its panel is there. Pure. */

/** `fit`: scaled to the panel. `actual`: a pixel is a pixel. `guest`: the guest takes the panel's size, where it can. */
export const SIZES = ["fit", "actual", "guest"] as const;
export type Size = (typeof SIZES)[number];

export type Look = { size: Size; viewOnly: boolean };

/** What was saved may be of another version of this page. */
export function lookOf({ size, viewOnly }: { size?: unknown; viewOnly?: unknown }): Look {
  return { size: SIZES.find((known) => known === size) ?? "fit", viewOnly: viewOnly === true };
}

/** A guest that does not take the size is scaled. */
export function rfbOptions({ size, viewOnly }: Look) {
  return { scaleViewport: size !== "actual", resizeSession: size === "guest", viewOnly };
}
