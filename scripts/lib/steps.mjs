// Says what a script does and how long it took; runs commands so that none outlives the script.
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";

const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);

const children = new Set();
let ending = false;

/** Ends every process group this script has started. */
export function endAll(signal = "SIGTERM") {
  ending = true;
  for (const child of children) {
    try {
      process.kill(process.platform === "win32" ? child.pid : -child.pid, signal);
    } catch {
      // Gone already.
    }
  }
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    endAll();
    setTimeout(() => process.exit(130), 3000).unref();
    if (children.size === 0) process.exit(130);
  });
}
process.on("exit", () => endAll("SIGKILL"));

export async function step(title, work) {
  const started = Date.now();
  console.log(`${paint(36, "▸")} ${title}`);
  try {
    const result = await work();
    console.log(
      `${paint(32, "✓")} ${title} ${paint(2, `(${((Date.now() - started) / 1000).toFixed(1)} s)`)}`,
    );
    return result;
  } catch (error) {
    console.log(
      `${paint(31, "✗")} ${title} ${paint(2, `(${((Date.now() - started) / 1000).toFixed(1)} s)`)}`,
    );
    throw error;
  }
}

export const say = (text) => console.log(`  ${text}`);

/**
 * Runs a command. `quiet` keeps its output back and shows it only when it fails; `logFile` writes it there as well.
 * Resolves with what it printed on stdout; rejects when it fails.
 */
export function sh(argv, { cwd, env, quiet = false, input = "ignore", allowFailure = false, logFile } = {}) {
  if (ending) return Promise.reject(new Error("interrupted"));
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), {
      cwd,
      env: { ...process.env, ...env },
      stdio: [input, quiet ? "pipe" : "inherit", quiet ? "pipe" : "inherit"],
      detached: process.platform !== "win32" && input === "ignore",
      shell: process.platform === "win32" && /\.(cmd|bat)$/i.test(argv[0]),
    });
    const log = logFile ? createWriteStream(logFile) : undefined;
    const out = [];
    const all = [];
    child.stdout?.on("data", (chunk) => {
      out.push(chunk);
      all.push(chunk);
      log?.write(chunk);
    });
    child.stderr?.on("data", (chunk) => {
      all.push(chunk);
      log?.write(chunk);
    });
    children.add(child);
    child.once("error", (error) => {
      children.delete(child);
      reject(error);
    });
    child.once("close", (code, signal) => {
      children.delete(child);
      log?.end();
      const stdout = Buffer.concat(out).toString("utf8");
      if (code === 0 || allowFailure) return resolve({ code, stdout });
      if (quiet) process.stderr.write(`${Buffer.concat(all).toString("utf8").slice(-8000)}\n`);
      reject(new Error(`${argv.join(" ")} ended with ${code ?? signal}`));
    });
  });
}

/** Starts a server that this script owns; it ends with the script. */
export function serve(argv, { cwd, env, logFd }) {
  const child = spawn(argv[0], argv.slice(1), {
    cwd,
    env,
    stdio: ["ignore", logFd, logFd],
    detached: process.platform !== "win32",
  });
  children.add(child);
  child.once("close", () => children.delete(child));
  child.once("error", () => children.delete(child));
  return child;
}
