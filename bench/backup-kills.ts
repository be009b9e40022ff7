/**
 * `npm run bench:backup-kills`: 200 kills of engines and QEMUs while an instance is backed up, restored, exported, copied and
 * moved to another engine, and its repository pruned. Options: --kills N, --seed N.
 */
import { killThroughBackups } from "../test/support/backup-kills.ts";
import { numberOption } from "./support.ts";

const kills = numberOption("kills", 200);
const { acknowledged, compared, during } = await killThroughBackups({
  kills,
  seed: numberOption("seed", 1),
  tell: console.log,
});
const acts = Object.entries(during).map(([act, times]) => `${act} ${times}`);
console.log(
  `${kills} kills (${acts.join(", ")}): none of ${acknowledged} acknowledged backups lost, ${compared} increments held against a full read`,
);
