/** Makes what the slow lanes share before they begin. Run by scripts/test.mjs beside the quick checks. */
import { testImage } from "./guest-image.ts";

const image = await testImage();
console.log(image.path);
