/** What is done in a workbench, told in frames with a caption each, which become one animated picture. */
import { writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Locator } from "playwright-core";
// @ts-expect-error The scripts are plain JavaScript, so that they run before anything is installed.
import { animate } from "../../scripts/lib/gif.mjs";
import type { Workbench } from "../support/workbench.ts";

const SIZE = { width: 1200, height: 720 };
const CAPTION = 60;
/** How long a caption is shown: time to find it, and time for its words. */
const FIND_MS = 1100;
const WORD_MS = 130;
/** What fades in is there. */
const SETTLE_MS = 600;
const MOST_BYTES = 3 * 2 ** 20;

type Box = { x: number; y: number; width: number; height: number };
type Frame = { png: Buffer; caption: string; ring: Box | undefined };

export class Story {
  readonly #workbench: Workbench;
  readonly #frames: Frame[] = [];

  private constructor(workbench: Workbench) {
    this.#workbench = workbench;
  }

  static async begin(workbench: Workbench): Promise<Story> {
    await workbench.page.setViewportSize(SIZE);
    return new Story(workbench);
  }

  /** Shows the window as it is now; `ring` is what is meant in it. */
  async frame(caption: string, ring?: Locator): Promise<void> {
    await delay(SETTLE_MS);
    const box = (await ring?.boundingBox()) ?? undefined;
    this.#frames.push({ png: await this.#workbench.page.screenshot(), caption, ring: box });
  }

  async save(file: string): Promise<void> {
    const viewport = { width: SIZE.width, height: SIZE.height + CAPTION };
    const stage = await this.#workbench.newPage({ viewport });
    const frames: { png: Buffer; ms: number }[] = [];
    for (const [at, frame] of this.#frames.entries()) {
      await stage.setContent(stageHtml(frame, `${at + 1}/${this.#frames.length}`), { waitUntil: "load" });
      const ms = FIND_MS + WORD_MS * frame.caption.split(" ").length;
      frames.push({ png: await stage.screenshot(), ms });
    }
    await stage.close();
    const bytes = animate(frames) as Uint8Array;
    if (bytes.length > MOST_BYTES)
      throw new Error(`${file} has ${bytes.length} bytes, more than ${MOST_BYTES}`);
    await writeFile(file, bytes);
    const seconds = frames.reduce((sum, { ms }) => sum + ms, 0) / 1000;
    console.log(
      `${file}: ${frames.length} frames, ${seconds.toFixed(0)} s, ${(bytes.length / 1024).toFixed(0)} KiB`,
    );
  }
}

function stageHtml({ png, caption, ring }: Frame, step: string): string {
  const { x, y, width, height } = ring ?? { x: 0, y: 0, width: 0, height: 0 };
  const place = `left:${x - 5}px;top:${y - 5}px;width:${width + 4}px;height:${height + 4}px`;
  return `<!DOCTYPE html><style>
    body { margin: 0; background: #0a2f52; color: #fff; font: 19px/1 "DejaVu Sans", sans-serif; }
    img { display: block; width: ${SIZE.width}px; height: ${SIZE.height}px; }
    i { position: absolute; border: 3px solid #ff9d3b; border-radius: 8px; ${ring ? place : "display:none"} }
    p { display: flex; align-items: center; gap: 16px; margin: 0; padding: 0 20px; height: ${CAPTION}px; }
    b { padding: 6px 10px; border-radius: 12px; background: #ff9d3b; color: #0a2f52; font-size: 15px; }
  </style><img src="data:image/png;base64,${png.toString("base64")}"><i></i>
  <p><b>${step}</b><span>${caption.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</span></p>`;
}

/** By its edge, as one does with the mouse. */
export async function widenSidebar({ page }: Workbench, width: number): Promise<void> {
  const box = await page.locator(".part.sidebar").boundingBox();
  if (!box) throw new Error("the sidebar cannot be seen");
  const edge = { x: box.x + box.width, y: box.y + box.height / 2 };
  await page.mouse.move(edge.x, edge.y);
  await page.mouse.down();
  await page.mouse.move(box.x + width, edge.y, { steps: 5 });
  await page.mouse.up();
  await page.mouse.move(box.x + 2 * width, edge.y); // The edge is marked while the mouse is on it.
}
