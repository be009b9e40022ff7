/** How the parts of a container are written in one word. Pure; throws `invalid-argument` for what is none. */
import type { ContainerRuntime, ContainerSpec } from "../api/container.ts";
import { EngineError } from "../base/errors.ts";
import { parseSize } from "../base/units.ts";

type Volume = NonNullable<ContainerSpec["volumes"]>[number];
type Tmpfs = NonNullable<ContainerSpec["tmpfs"]>[number];

/** `docker:nginx`, `podman:nginx`, `vm:nginx`, `oci:nginx`: an image of a registry, and where; undefined of every other text. */
export function containerReference(
  text: string,
): { image: string; runtime?: ContainerRuntime | undefined } | undefined {
  const [, prefix, image = ""] = /^(docker|podman|vm|oci):(?:\/\/)?(.*)$/.exec(text) ?? [];
  if (prefix === undefined) return undefined;
  if (image === "") throw invalid(text, "image of a container", "Write one behind it: docker:nginx:1.27");
  return prefix === "oci" ? { image } : { image, runtime: prefix as ContainerRuntime };
}

/** `KEY=value`; `KEY` alone takes the value that it has here. */
export function parseEnv(
  texts: readonly string[],
  here: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const [, key = "", value] = /^([^=]*)(?:=(.*))?$/s.exec(text) ?? [];
      const given = value ?? here[key];
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key))
        throw invalid(text, "environment variable", "Write NAME=value.");
      if (given === undefined)
        throw invalid(text, "environment variable", `${key} is not set here: write ${key}=value.`);
      return [key, given];
    }),
  );
}

/** `data:/var/lib/data`, with `:ro` to be read only. */
export function parseVolume(text: string): Volume {
  const [, name, target, mode] = /^([^:/][^:]*):(\/[^:]*)(?::(ro|rw))?$/.exec(text) ?? [];
  if (name === undefined || target === undefined) {
    const hint = "Write NAME:/where/it/is, with :ro to be read only. A directory of this host is a --mount.";
    throw invalid(text, "volume", hint);
  }
  return { name, target, ...(mode === "ro" ? { readOnly: true } : {}) };
}

/** `/run`, or `/run:64M`. */
export function parseTmpfs(text: string): Tmpfs {
  const [, target, size] = /^(\/[^:]*)(?::(?:size=)?(.+))?$/.exec(text) ?? [];
  if (target === undefined) throw invalid(text, "tmpfs", "Write /where/it/is, or /where/it/is:64M.");
  return { target, ...(size === undefined ? {} : { sizeBytes: parseSize(size) }) };
}

/** `net_admin` and `CAP_NET_ADMIN` are both `NET_ADMIN`. */
export function parseCapability(text: string): string {
  return text.toUpperCase().replace(/^CAP_/, "");
}

function invalid(text: string, what: string, hint: string): EngineError {
  return new EngineError("invalid-argument", `${text} is not a valid ${what}`, { hint });
}
