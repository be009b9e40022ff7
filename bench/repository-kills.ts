/** `npm run bench:repository-kills`: 200 kills of a process that backs up, forgets and prunes. Options: --kills N, --seed N. */
import { killRepeatedly } from "../test/support/repository-kills.ts";
import { numberOption } from "./support.ts";

const kills = numberOption("kills", 200);
const acknowledged = await killRepeatedly({
  kills,
  seed: numberOption("seed", 1),
  resticEvery: 10,
  tell: console.log,
});
console.log(`${kills} kills: none of ${acknowledged} acknowledged backups lost`);
