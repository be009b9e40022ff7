/** What each driver can do on this host. */
import type { DriverInfo } from "../../api/engine-info.ts";
import type { Problem } from "../../api/instance.ts";
import { withDeadline } from "../../base/async.ts";
import { messageOf } from "../../base/errors.ts";
import type { Ctx } from "../ctx.ts";
import type { Driver } from "./driver.ts";

const PROBE_MS = 30_000;

/** Never rejects: a driver that cannot be looked at is one that is not available. `fresh`: nothing remembered counts. */
export async function probeAll(
  drivers: readonly Driver[],
  ctx: Ctx,
  how: { fresh?: boolean },
): Promise<DriverInfo[]> {
  const { signal, done } = withDeadline(PROBE_MS, ctx.signal);
  try {
    return await Promise.all(
      drivers.map((driver) =>
        driver.probe({ ...ctx, signal }, how).catch((error: unknown) => unprobed(driver, error)),
      ),
    );
  } finally {
    done();
  }
}

function unprobed({ name, kind }: Driver, error: unknown): DriverInfo {
  const message = `${name} could not be looked at: ${messageOf(error)}`;
  const problem: Problem = { code: "probe-failed", severity: "error", message };
  return { name, kind, available: false, arches: [], features: [], problems: [problem] };
}
