/** Numbers of devices as Linux, and so restic, puts both of their parts into one. Pure. */
import { TarError } from "../../../base/tar/tar-error.ts";

const MAX_MAJOR = 2 ** 12;
const MAX_MINOR = 2 ** 20;

/** Throws `TarError` where no system has such a one. */
export function deviceNumber(major: number, minor: number, what: string): number {
  if (major >= MAX_MAJOR || minor >= MAX_MINOR) throw new TarError(`${what} is a device that cannot be`);
  return Math.floor(minor / 256) * 2 ** 20 + major * 256 + (minor % 256);
}

export function deviceParts(device: number): { major: number; minor: number } {
  const minor = Math.floor(device / 2 ** 20) * 256 + (device % 256);
  return { major: Math.floor(device / 256) % MAX_MAJOR, minor: minor % MAX_MINOR };
}
