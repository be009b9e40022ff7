/** What makes a guest another one than the guest whose disk it was copied from. */
import { keyBlob } from "./keys.ts";

/**
 * A boot hook: it runs at every boot as soon as cloud-init has the seed, before D-Bus and the SSH server start, and
 * whatever the user's own user-data says. The mark lies where cloud-init keeps what it did for this instance id, so
 * what follows it happens once. Host keys and the authorized key are cloud-init's own work for a new instance id.
 */
export function cloneScript(formerKeys: readonly string[]): string {
  const patterns = formerKeys.map((key) => keyBlob(key).toString("base64")).filter((blob) => blob !== "");
  return `#!/bin/sh
mark=/var/lib/cloud/instance/sem/berth_clone
[ -e "$mark" ] && exit 0
rm -f /etc/machine-id /var/lib/systemd/random-seed
if [ -e /var/lib/dbus/machine-id ] || [ -L /var/lib/dbus/machine-id ]; then
  rm -f /var/lib/dbus/machine-id
  ln -s /etc/machine-id /var/lib/dbus/machine-id
fi
if command -v systemd-machine-id-setup >/dev/null 2>&1; then systemd-machine-id-setup
else tr -d - < /proc/sys/kernel/random/uuid > /etc/machine-id; fi
if command -v restorecon >/dev/null 2>&1; then restorecon -F /etc/machine-id; fi
for service in systemd-journald systemd-networkd; do
  systemctl --no-block try-restart $service.service 2>/dev/null
done
for file in /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys; do
  [ -f "$file" ] || continue
${patterns.map((blob) => `  sed -i '\\|${blob}|d' "$file"`).join("\n") || "  :"}
done
mkdir -p "\${mark%/*}" && : > "$mark"
exit 0
`;
}
