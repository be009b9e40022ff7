// `npm start`: from a fresh machine to Berth in an editor with a running instance. See README.md.
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import { homedir } from "node:os";
import path from "node:path";
import { modernNode, nodeEnvironment } from "./lib/node24.mjs";
import { cacheDirectory, installPackages, installWorkbench } from "./lib/packages.mjs";
import { say, serve, sh, step } from "./lib/steps.mjs";
import { findProgram, installSystem } from "./lib/system.mjs";
import { packageVsix } from "./lib/vsix.mjs";

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "..");
const INSTANCE = "primary";
const LOCAL_IMAGE = "debian:12";
const SERVER_READY_MS = 60_000;

if (process.argv.includes("--help")) {
  console.log(`npm start                opens VS Code (or a browser workbench) with Berth and launches ${INSTANCE}
npm start -- --headless  the same without an editor; ends with a command run in the guest`);
  process.exit(0);
}
const headless = process.argv.includes("--headless");

try {
  await main();
} catch (error) {
  console.error(`cannot start: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}

async function main() {
  await step("npm packages", () => installPackages(root));
  const node = modernNode(root);
  const env = nodeEnvironment(node);
  await step("system programs", () => installSystem(["run"]));
  await step("build", () => sh([node, "esbuild.mjs"], { cwd: root, env, quiet: true }));
  const berth = (args, options) =>
    sh([node, path.join(root, "dist", "cli.js"), ...args], { cwd: root, env, ...options });
  // The editor is opened first, so that the instance is seen to appear in it.
  const opened = headless ? undefined : await openEditor(node, env);
  await step(`instance ${INSTANCE}`, () => launchPrimary(berth));
  if (headless) {
    console.log(`\n$ berth exec ${INSTANCE} -- uname -a`);
    await berth(["exec", INSTANCE, "--", "uname", "-a"]);
    say(`\`node dist/cli.js shell\` opens a shell in it; \`npm start\` an editor.`);
    process.exit(0);
  }
  if (!opened) process.exit(0);
  console.log(`\nBerth is at ${opened.url}\nCtrl-C ends the workbench; instances go on running.`);
  await opened.ended;
}

/** Starts it where it exists. Else launches Ubuntu from its public catalog, or where that is out of reach, Debian built from packages. */
async function launchPrimary(berth) {
  const { stdout } = await berth(["list", "--format", "json"], { quiet: true });
  if (JSON.parse(stdout).list.some((one) => one.name === INSTANCE && one.state !== "Deleted")) {
    say(`${INSTANCE} exists: starting it`);
    return berth(["start", INSTANCE]);
  }
  const found = await berth(["find", "lts", "--format", "json"], { quiet: true, allowFailure: true });
  const reachable =
    found.code === 0 && Object.values(JSON.parse(found.stdout).images).some((image) => image.os === "Ubuntu");
  if (reachable) return berth(["launch", "lts", "--name", INSTANCE]);
  say("Ubuntu's public catalog cannot be reached from here; building a Debian image from packages instead");
  await installSystem(["buildImages"]);
  await berth(["image", "build", LOCAL_IMAGE]);
  return berth(["launch", LOCAL_IMAGE, "--name", INSTANCE]);
}

async function openEditor(node, env) {
  const vsix = path.join(cacheDirectory("berth-workbench"), "berth.vsix");
  mkdirSync(path.dirname(vsix), { recursive: true });
  await step("VSIX", () => packageVsix(root, node, env, vsix));
  const code = findProgram("code");
  const display = process.platform !== "linux" || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  if (code && display) {
    await step("VS Code", async () => {
      await sh([code, "--install-extension", vsix, "--force"], { quiet: true });
      await sh([code, root], { quiet: true });
    });
    return undefined;
  }
  return step("browser workbench", () => openBrowserWorkbench(vsix));
}

async function openBrowserWorkbench(vsix) {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Error("no desktop VS Code (`code`) was found. Install it and its command, then try again.");
  }
  const { node, entry } = await installWorkbench(root);
  const home = path.join(cacheDirectory("berth-workbench"), "start");
  const userData = path.join(home, "user-data");
  mkdirSync(path.join(userData, "User"), { recursive: true });
  const settings = path.join(userData, "User", "settings.json");
  if (!existsSync(settings)) {
    writeFileSync(
      settings,
      JSON.stringify(
        { "workbench.startupEditor": "none", "extensions.autoUpdate": false, "chat.disableAIFeatures": true },
        null,
        2,
      ),
    );
  }
  const config = path.join(home, "config.yaml");
  if (!existsSync(config)) writeFileSync(config, "auth: none\n");
  const port = await freePort();
  const flags = [
    "--config",
    config,
    "--user-data-dir",
    userData,
    "--extensions-dir",
    path.join(home, "extensions"),
  ];
  const env = { ...workbenchEnvironment(), HOME: homedir() };
  await sh([node, entry, ...flags, "--install-extension", vsix, "--force"], { env, quiet: true });
  const log = path.join(home, "server.log");
  const server = serve(
    [
      node,
      entry,
      ...flags,
      "--auth",
      "none",
      "--bind-addr",
      `127.0.0.1:${port}`,
      "--disable-telemetry",
      "--disable-update-check",
      "--disable-getting-started-override",
      "--disable-proxy",
      "--disable-workspace-trust",
    ],
    { env, logFd: openSync(log, "w") },
  );
  const ended = new Promise((resolve) => server.once("close", resolve));
  const base = `http://127.0.0.1:${port}`;
  await untilHealthy(base, ended, log);
  return { url: `${base}/?folder=${encodeURIComponent(root)}`, ended };
}

function workbenchEnvironment() {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("VSCODE_")));
  return { ...env, EXTENSIONS_GALLERY: '{"serviceUrl":"","itemUrl":"","resourceUrlTemplate":""}' };
}

async function untilHealthy(base, ended, log) {
  let gone = false;
  void ended.then(() => {
    gone = true;
  });
  for (const until = Date.now() + SERVER_READY_MS; Date.now() < until && !gone; ) {
    const answer = await fetch(`${base}/healthz`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(
    `the browser workbench did not start: ${readFileSync(log, "utf8").trim().split("\n").at(-1)}`,
  );
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
