/** Which Node runs the command. Pure but for looking whether a file is there. */
import path from "node:path";

/** What the client and the engine need: `node:sqlite` without a flag, zstd. */
export const MINIMUM_NODE = "22.15";

export function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor = 0, leastMinor = 0] = MINIMUM_NODE.split(".").map(Number);
  return major < leastMajor || (major === leastMajor && minor < leastMinor);
}

export type Host = {
  platform: NodeJS.Platform;
  arch: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Where the bundle lies: in a checkout, npm's packages are beside that directory. */
  bundleDirectory: string;
};

/** Where another Node may be, the likeliest first: named by the user, or brought by npm. Pure. */
export function nodeCandidates({ platform, arch, env, bundleDirectory }: Host): string[] {
  const p = platform === "win32" ? path.win32 : path.posix;
  const name = platform === "win32" ? "win" : platform;
  const packages = [`node-${name}-${arch}`, `node-bin-${platform}-${arch}`];
  const file = platform === "win32" ? "node.exe" : "node";
  return [
    ...(env["BERTH_NODE"] ? [env["BERTH_NODE"]] : []),
    ...packages.map((one) => p.join(bundleDirectory, "..", "node_modules", one, "bin", file)),
  ];
}

/** The first of them that is there. */
export async function findNode(host: Host): Promise<string | undefined> {
  const { exists } = await import("../base/durable.ts");
  for (const candidate of nodeCandidates(host)) if (await exists(candidate)) return candidate;
  return undefined;
}
