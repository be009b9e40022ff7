/** Waiting inside the guest for the end of its first boot. The script is ours, the parser is pure. */
import { parseResult } from "./details.ts";
import type { ReadyReport } from "./guest.ts";

/**
 * Prints `stage NAME` as cloud-init goes on, then `absent`, `failed UNIT`, or `result` with cloud-init's two JSON
 * files. It looks four times a second: the guest has no inotify tools, and `cloud-init status --wait` starts a Python
 * that takes seconds of a busy, emulated guest. Between sleeps only the shell itself runs. What the first boot has
 * written, host keys among it, may lie in the guest's memory for half a minute more: after its `sync` the guest survives
 * its power being cut.
 */
export const WAIT_SCRIPT = `
cd /run/cloud-init 2>/dev/null || { command -v cloud-init >/dev/null 2>&1 || { echo absent; exit 0; }; }
last= ; turn=0
while [ ! -f /run/cloud-init/result.json ]; do
  [ -f /run/cloud-init/disabled ] && { echo absent; exit 0; }
  stage=
  if [ -r /run/cloud-init/status.json ]; then
    while IFS= read -r line; do
      case $line in *'"stage"'*) stage=\${line#*: }; break;; esac
    done < /run/cloud-init/status.json
  fi
  if [ -n "$stage" ] && [ "$stage" != "$last" ]; then last=$stage; echo "stage $stage"; fi
  turn=$((turn + 1))
  if [ $((turn % 20)) = 0 ] && command -v systemctl >/dev/null 2>&1; then
    for unit in cloud-init-local cloud-init cloud-config cloud-final; do
      if systemctl is-failed --quiet $unit.service 2>/dev/null; then
        echo "failed $unit"; systemctl status --no-pager --lines=5 $unit.service 2>&1 | tail -n 5; exit 0
      fi
    done
  fi
  sleep 0.25
done
echo result
cat /run/cloud-init/result.json; echo; echo '== status'
cat /run/cloud-init/status.json 2>/dev/null
sync
`;

/** The stage that a line of the script's output tells, without quotes; undefined for other lines and for `null`. */
export function stageOf(line: string): string | undefined {
  const name = /^stage "?([A-Za-z-]+)"?,?\s*$/.exec(line)?.[1];
  return name === "null" ? undefined : name;
}

export type WaitOutcome = { report: ReadyReport } | { failed: string };

export function outcomeOf(output: string): WaitOutcome {
  const lines = output.split("\n");
  if (lines.includes("absent")) return { report: { cloudInit: "absent", errors: [] } };
  const failedAt = lines.findIndex((line) => line.startsWith("failed "));
  if (failedAt >= 0) {
    const [first = "", ...rest] = lines.slice(failedAt);
    return { failed: [first.replace("failed ", ""), ...rest].join(" ").trim() };
  }
  const body = output.slice(output.indexOf("result\n") + "result\n".length);
  const [result = "", status = ""] = body.split("\n== status\n");
  const read = [parseResult(result), parseResult(status)];
  const errors = [...new Set(read.flatMap((one) => one.errors))];
  if (errors.length > 0) return { failed: errors.join("; ") };
  const recoverable = [...new Set(read.flatMap((one) => one.recoverable))];
  return { report: { cloudInit: recoverable.length > 0 ? "degraded" : "done", errors: recoverable } };
}
