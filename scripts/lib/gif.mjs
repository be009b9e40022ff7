// An animated picture of several still ones, with one palette for all, in which a frame holds only what is new in it.
import gifenc from "gifenc";
import { PNG } from "pngjs";

const { applyPalette, GIFEncoder, quantize } = gifenc;
/** One colour of the 256 means: as before. */
const COLOURS = 255;
/** The palette is made of every this many pixels: flat windows have few colours, and all of them often. */
const SAMPLE = 16;

/** `frames` are `{ png, ms }`, all of one size. Resolves with the bytes of a GIF that begins anew for ever. */
export function animate(frames) {
  const pictures = frames.map(({ png, ms }) => ({ ...PNG.sync.read(png), ms }));
  const [{ width, height }] = pictures;
  const palette = quantize(sampled(pictures), COLOURS);
  const unchanged = palette.length;
  const withUnchanged = [...palette, [0, 0, 0]];
  const gif = GIFEncoder();
  let before;
  for (const { data, ms } of pictures) {
    const shown = applyPalette(data, palette);
    const pixels = before ? shown.map((colour, at) => (colour === before[at] ? unchanged : colour)) : shown;
    const later = before ? { transparent: true, transparentIndex: unchanged } : { palette: withUnchanged };
    gif.writeFrame(pixels, width, height, { ...later, delay: ms, dispose: 1, repeat: 0 });
    before = shown;
  }
  gif.finish();
  return gif.bytes();
}

function sampled(pictures) {
  const counts = pictures.map(({ data }) => Math.floor(data.length / 4 / SAMPLE));
  const all = new Uint32Array(counts.reduce((sum, one) => sum + one, 0));
  let at = 0;
  for (const [index, { data }] of pictures.entries()) {
    const whole = new Uint32Array(data.buffer, data.byteOffset, data.length / 4);
    for (let one = 0; one < counts[index]; one += 1) all[at++] = whole[one * SAMPLE];
  }
  return new Uint8Array(all.buffer);
}
