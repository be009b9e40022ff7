/** The QEMU of this host for each architecture: looked at once for each setting, and what they can do together. */
import { rm } from "node:fs/promises";
import type { DriverInfo, Settings } from "../../../api/engine-info.ts";
import type { Arch } from "../../../api/instance.ts";
import { once } from "../../../base/async.ts";
import { privateDirectory } from "../../../base/durable.ts";
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { DriverInstance } from "../driver.ts";
import type { Host } from "./host.ts";
import { type ProbeResult, probeToolchain, type Toolchain } from "./probe.ts";

export class Toolchains {
  readonly host: Host;
  readonly #wanted: () => Settings["qemu.accelerator"];
  readonly #probes = new Map<string, Promise<ProbeResult>>();
  readonly #scratch: string | undefined;
  /** Those of an engine that was killed meanwhile are still there. */
  readonly #withoutOldFiles = once(async () => {
    if (this.#scratch === undefined) return;
    await rm(this.#scratch, { recursive: true, force: true });
    await privateDirectory(this.#scratch);
  });

  /** `scratch`: a directory for the files of probes, and for nothing else; this host's own for such when left out. */
  constructor(host: Host, wanted: () => Settings["qemu.accelerator"], scratch?: string) {
    this.host = host;
    this.#wanted = wanted;
    this.#scratch = scratch;
  }

  /** Everything is looked at anew when it is asked for next. */
  forget(): void {
    this.#probes.clear();
  }

  /** Throws `missing-dependency` where this host cannot run the instance. */
  async of(ctx: Ctx, instance: DriverInstance): Promise<Toolchain> {
    const found = await this.probe(ctx, instance.arch);
    if (!("missing" in found)) return found;
    const { message, hint } = found.missing;
    throw new EngineError("missing-dependency", `cannot run ${instance.name}: ${message}`, { hint });
  }

  /** Each architecture is looked at once for each setting; what was missing is looked for again every time. */
  probe(ctx: Ctx, arch: Arch): Promise<ProbeResult> {
    const wanted = this.#wanted();
    const key = `${arch} ${wanted}`;
    const known = this.#probes.get(key);
    if (known) return known;
    const probe = this.#withoutOldFiles().then(() =>
      probeToolchain(ctx, this.host, arch, wanted, this.#scratch),
    );
    this.#probes.set(key, probe);
    const forget = () => this.#probes.delete(key);
    probe.then((found) => ("missing" in found ? forget() : undefined), forget);
    return probe;
  }
}

/** What the driver can do here. `bridged`: guests can be on networks of this host. */
export async function describe(toolchains: Toolchains, ctx: Ctx, bridged: boolean): Promise<DriverInfo> {
  const { host } = toolchains;
  const found = await toolchains.probe(ctx, host.arch);
  const base = { name: "qemu", kind: "vm" } as const;
  if ("missing" in found)
    return { ...base, features: [], available: false, arches: [], problems: [found.missing] };
  const other: Arch = host.arch === "x86_64" ? "aarch64" : "x86_64";
  const emulated = "missing" in (await toolchains.probe(ctx, other)) ? [] : [other];
  const { version, accelerator, problems, arch } = found;
  return {
    ...base,
    features: [
      ...(["snapshot-disk", "user-network", "resize-disk", "clone", "console", "encryption"] as const),
      ...(host.platform === "win32" ? [] : ["suspend"]),
      ...(found.lan ? ["lan"] : []),
      ...(bridged ? ["host-networks"] : []),
    ],
    available: true,
    version,
    accelerator,
    arches: [arch, ...emulated],
    problems,
  };
}
