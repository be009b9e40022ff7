// `npm test`: installs what the tests need and runs them all. Parts: --fast, --containers, --vm, --workbench; other arguments go to vitest.
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { apart } from "./lib/apart.mjs";
import { modernNode, nodeEnvironment } from "./lib/node24.mjs";
import { installPackages, installWorkbench } from "./lib/packages.mjs";
import { endAll, say, sh, step } from "./lib/steps.mjs";
import { installSystem } from "./lib/system.mjs";
import { packageVsix } from "./lib/vsix.mjs";

/** Container runtimes of other platforms run in a guest of theirs: what is tested there is the same. */
const LANES = ["fast", ...(process.platform === "linux" ? ["containers"] : []), "vm", "workbench"];
/** Which programs of the system a lane needs, by the kinds of `lib/system.mjs`. */
const NEEDS = {
  fast: ["run", "test"],
  containers: ["test", "containers"],
  vm: ["run", "buildImages", "test"],
  workbench: ["run", "buildImages", "test"],
};
/**
 * Of lanes whose files run beside each other. vitest by itself leaves a core idle, which is half of a host of two.
 * Booting an emulated guest keeps about one core busy; more at a time only make each other late.
 */
const FILES_AT_ONCE = { fast: availableParallelism(), vm: Math.min(4, availableParallelism()) };
const MAX_VSIX_BYTES = 4 * 2 ** 20;
/** Where more of a lane's files than these fail, it is not by chance. */
const MAX_FILES_AGAIN = 4;

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "..");
const results = path.join(root, "test-results");
const wanted = LANES.filter((lane) => process.argv.includes(`--${lane}`));
const lanes = wanted.length > 0 ? wanted : LANES;
const rest = process.argv.slice(2).filter((argument) => !LANES.includes(argument.replace(/^--/, "")));
const colours = process.stdout.isTTY && !process.env.CI;
const whole = wanted.length === 0 && rest.length === 0;

const totals = { passed: 0, failed: 0 };
/** What failed, in every lane: told last, since a lane's own words may be thousands of lines above. */
const failures = [];
/** What failed once and passed when its file was run again: told too, for such a failure is a fault of test or product. */
const unsteady = [];
const started = Date.now();

try {
  await main();
} catch (error) {
  totals.failed += 1;
  console.error(error instanceof Error ? error.message : error);
}
if (unsteady.length > 0) console.log(`\nFailed at first, passed when run again:\n${unsteady.join("\n")}`);
if (failures.length > 0) console.log(`\nFailed:\n${failures.join("\n")}`);
console.log(`\nTook ${Math.round((Date.now() - started) / 1000)} s.`);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
endAll();
process.exit(totals.failed > 0 || totals.passed === 0 ? 1 : 0);

async function main() {
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  await step("npm packages", () => installPackages(root));
  const node = modernNode(root);
  const env = { ...nodeEnvironment(node), FORCE_COLOR: colours ? "1" : "0" };
  const system = new Set(lanes.flatMap((lane) => NEEDS[lane]));
  await step("system programs", () => installSystem([...system]));
  // The guest image and the browser workbench are prepared while the quick checks run.
  const image = lanes.some(needsGuest) ? start(() => prepareImage(node, env)) : undefined;
  const host = lanes.some(needsWorkbench) ? start(() => installWorkbench(root)) : undefined;

  await step("type check", async () => {
    for (const project of [".", "src/views/webview"])
      await bin(node, env, "typescript/bin/tsc", ["-p", project]);
  });
  if (whole)
    await step("lint", () =>
      bin(node, env, "@biomejs/biome/bin/biome", [
        "ci",
        "--error-on-warnings",
        `--colors=${colours ? "force" : "off"}`,
        ".",
      ]),
    );
  await step("build", () => sh([node, "esbuild.mjs"], { cwd: root, env, quiet: true }));
  if (lanes.some(needsWorkbench)) await step("VSIX", () => makeVsix(node, env));
  for (const lane of lanes) {
    if (needsGuest(lane) && image) await step("guest image", () => image);
    if (needsWorkbench(lane) && host) {
      const { node: hostNode, entry } = await step("browser workbench", () => host);
      Object.assign(env, { BERTH_WORKBENCH_NODE: hostNode, BERTH_WORKBENCH_ENTRY: entry });
    }
    await step(`tests: ${lane}`, () => runLane(node, env, lane));
  }
}

function needsGuest(lane) {
  return NEEDS[lane].includes("buildImages");
}

function needsWorkbench(lane) {
  return lane === "workbench" || lane === "containers";
}

/** Begins now; a failure is told when it is waited for. */
function start(work) {
  const promise = work();
  promise.catch(() => {});
  return promise;
}

function bin(node, env, file, args) {
  return sh([node, path.join(root, "node_modules", file), ...args], { cwd: root, env });
}

function prepareImage(node, env) {
  return sh([node, "--no-warnings", "test/support/prepare.ts"], { cwd: root, env, quiet: true });
}

async function makeVsix(node, env) {
  const file = path.join(root, "test-results", "berth.vsix");
  await packageVsix(root, node, env, file);
  const { size } = statSync(file);
  say(`${(size / 1024).toFixed(0)} KiB`);
  if (size > MAX_VSIX_BYTES) throw new Error(`the VSIX has ${size} bytes, more than ${MAX_VSIX_BYTES}`);
}

/** Runs a lane. In the whole run, files of it that fail are run once more: a busy host makes a test late, not the product wrong. */
async function runLane(node, env, lane) {
  const first = await vitest(node, env, lane, lane, rest);
  const failed = first.filter(({ status }) => status === "failed");
  const again = whole && failed.length > 0 && failed.length <= MAX_FILES_AGAIN;
  if (again) say(`failed: ${failed.map(({ name }) => path.basename(name)).join(", ")}; run again`);
  const second = again
    ? await vitest(
        node,
        env,
        lane,
        `${lane}-again`,
        failed.map(({ name }) => name),
      )
    : failed;
  const passedNow = new Set(second.filter(({ status }) => status !== "failed").map(({ name }) => name));
  unsteady.push(
    ...failed.filter(({ name }) => passedNow.has(name)).flatMap((file) => failuresOf(lane, file)),
  );
  failures.push(...second.flatMap((file) => failuresOf(lane, file)));
  for (const file of [...first.filter((one) => !failed.includes(one)), ...second]) count(file);
}

/** Resolves with the results of the files, as the JSON reporter of vitest tells them. */
async function vitest(node, env, lane, reportName, more) {
  const report = path.join(results, `${reportName}.json`);
  const args = [
    "run",
    "--project",
    lane,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...(FILES_AT_ONCE[lane] ? [`--maxWorkers=${FILES_AT_ONCE[lane]}`] : []),
    ...more,
  ];
  const command = [node, path.join(root, "node_modules/vitest/vitest.mjs"), ...args];
  const argv = lane === "containers" ? apart(command, { root: process.getuid() === 0 }) : command;
  await sh(argv, { cwd: root, env, allowFailure: true });
  if (!existsSync(report)) throw new Error(`the lane ${lane} ended without a report`);
  const { success, testResults } = JSON.parse(readFileSync(report, "utf8"));
  if (!success && !testResults.some(({ status }) => status === "failed"))
    throw new Error(`the lane ${lane} failed outside of its tests`);
  return testResults;
}

/** A file that could not be loaded has no tests to count. */
function count({ status, assertionResults }) {
  const failed = assertionResults.filter((test) => test.status === "failed").length;
  totals.passed += assertionResults.filter((test) => test.status === "passed").length;
  totals.failed += status === "failed" ? Math.max(1, failed) : 0;
}

/** `lane  file > test`, and below it the first lines of why; a file that could not be loaded stands for its tests. */
function failuresOf(lane, { name, message, status, assertionResults }) {
  const where = `${lane}  ${path.relative(root, name)}`;
  const told = (title, words) => [title, ...firstLines(words)].join("\n      ");
  const failed = assertionResults.filter((test) => test.status === "failed");
  if (status === "failed" && failed.length === 0) return [told(`  ${where}`, message)];
  return failed.map((test) => told(`  ${where} > ${test.fullName}`, test.failureMessages.join("\n")));
}

function firstLines(words) {
  return words
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(0, 8);
}
