/** Makes what the slow lanes share before they begin. Run by scripts/test.mjs beside the quick checks. */
import { containerHostImage } from "./container-host-image.ts";
import { testImage } from "./guest-image.ts";

for (const make of [testImage, containerHostImage]) console.log((await make()).path);
