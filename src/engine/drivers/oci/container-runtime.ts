/** Puts a container runtime into a guest of ours, and its API where the guest's user may connect to it. */
import { EngineError } from "../../../base/errors.ts";
import type { Ctx } from "../../ctx.ts";
import type { GuestAccess } from "../../guest/guest.ts";
import { scriptOutput } from "../../guest/script.ts";
import { RUNTIME_SOCKET } from "../container-host.ts";

const READY = "berth: ready";
const INSTALLS = "berth: installs";
/** How long a container may take to end when the guest shuts down; systemd's own is 90 s, and many ignore SIGTERM. */
const STOP_SECONDS = 10;
/** The end of what a script has printed, for its failure. */
const LAST_LINES = 5;

/**
 * Each step may run again. Debian keeps the runtime's own socket in a directory that is root's alone, so it listens at
 * another place; who is in the user's group could become root there anyway. It stays: one that ends when it is idle
 * would be started for every request. What is in it starts again with the guest where its restart policy says so.
 */
const SCRIPT = `
exec 2>&1
set -eu
if ! command -v podman >/dev/null; then
  echo "${INSTALLS}"
  export DEBIAN_FRONTEND=noninteractive
  if command -v apt-get >/dev/null; then
    sudo -n apt-get -qq update
    sudo -n --preserve-env=DEBIAN_FRONTEND apt-get -qq install podman
  elif command -v dnf >/dev/null; then sudo -n dnf -q -y install podman
  else echo "its system has neither apt-get nor dnf, by which Podman could be installed"; exit 1
  fi
fi
group=$(id -gn)
put() {
  sudo -n mkdir -p "\${1%/*}"
  sudo -n tee "$1" >/dev/null
}
if ! grep -qsx "SocketGroup=$group" /etc/systemd/system/podman.socket.d/berth.conf || [ ! -S ${RUNTIME_SOCKET} ]; then
  put /etc/containers/containers.conf.d/berth.conf <<END
[engine]
service_timeout = 0
END
  put /etc/systemd/system/podman.socket.d/berth.conf <<END
[Socket]
ListenStream=
ListenStream=${RUNTIME_SOCKET}
SocketMode=0660
SocketGroup=$group
END
  put /etc/systemd/system/libpod-.scope.d/berth.conf <<END
[Scope]
TimeoutStopSec=${STOP_SECONDS}
END
  sudo -n systemctl daemon-reload
  sudo -n systemctl stop podman.socket podman.service
  sudo -n systemctl enable --quiet podman.socket podman-restart.service
  sudo -n systemctl start podman.socket
fi
echo "${READY}"
`;

/** `name`: the guest's instance, for messages. Progress phase: `install`, where there is no runtime yet. */
export async function prepareRuntime(
  ctx: Ctx,
  guest: Pick<GuestAccess, "exec">,
  name: string,
): Promise<void> {
  const output = await scriptOutput(guest, ctx.signal, SCRIPT, (line) => {
    if (line === INSTALLS) ctx.progress({ phase: "install", message: `Podman in ${name}` });
  });
  const lines = output.trimEnd().split("\n");
  if (lines.at(-1) === READY) return;
  const said = lines.slice(-LAST_LINES).join("; ").slice(0, 1000);
  throw new EngineError("driver-failed", `cannot make ${name} a container host: ${said}`, {
    hint: "It may have no way to its packages. Install Podman in it, or name another image: containers.vm-image",
  });
}
