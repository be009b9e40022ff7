/** `npm run bench:repository-kills`: 200 kills of a process that backs up, forgets and prunes. Options: --kills N, --seed N. */
import { killRepeatedly } from "../test/support/repository-kills.ts";

const option = (name: string, otherwise: number) =>
  Number(/^\d+$/.exec(process.argv[process.argv.indexOf(`--${name}`) + 1] ?? "")?.[0] ?? otherwise);

const kills = option("kills", 200);
const acknowledged = await killRepeatedly({
  kills,
  seed: option("seed", 1),
  resticEvery: 10,
  tell: console.log,
});
console.log(`${kills} kills: none of ${acknowledged} acknowledged backups lost`);
