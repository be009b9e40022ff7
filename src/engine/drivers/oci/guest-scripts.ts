/** What is run in containers, whose images may have little: a POSIX shell, and the tools that each of these looks for. Pure. */

/** Two letters that a script says of itself before it becomes what was asked for. */
export const READY = "ok";
export const ABSENT = "no";
export const HELPLESS = "ht";
export const WORD_BYTES = 2;

/** A variable that tells the processes of one exec from all others, for a signal to find them. */
export const MARK = "BERTH_EXEC";

/** In the home of its user, as a login has it; `$1` is a directory there, and what follows is run unchanged. */
export const AT_HOME = 'cd && cd -- "$1" && shift && exec "$@"';

export const LOGIN_SHELL = `
shell=$(getent passwd "$(id -u)" 2>/dev/null || grep "^[^:]*:[^:]*:$(id -u):" /etc/passwd 2>/dev/null)
shell=\${shell##*:}
[ -x "$shell" ] && [ "\${shell##*/}" != nologin ] && [ "\${shell##*/}" != false ] || shell=/bin/sh
export SHELL="$shell"
exec "$shell" -l`;

/**
 * Sends the signal `$1` to the process group of the exec that bears the mark `$2`. Each exec is a session of its own, so
 * its first process has the number of its session; what left the session is let be, as it is by SSH servers.
 */
export const SIGNAL = `
for each in /proc/[0-9]*; do
  read -r line < "$each/stat" || continue
  set -- "$1" "$2" \${line##*)}
  [ "$6" = "\${each#/proc/}" ] && grep -q "${MARK}=$2" "$each/environ" && kill -s "$1" -- "-$6"
done 2>/dev/null
true`;

/**
 * Becomes a connection to the port \`$1\` of the container's loopback. The kernel's own table says whether somebody
 * listens, and by which protocol: what is bound to another address is not reached. In it addresses are as the CPU has
 * their words.
 */
export const CONNECT = `
hex=$(printf %04X "$1") host=
for file in /proc/net/tcp /proc/net/tcp6; do
  while read -r _ at _ state _; do
    [ "$state" = 0A ] && [ "\${at##*:}" = "$hex" ] || continue
    case \${at%:*} in
      0100007F | 00000000 | 7F000001 | 00000000000000000000000000000000) host=127.0.0.1; break 2 ;;
      00000000000000000000000001000000 | 00000000000000000000000000000001) host=::1 ;;
    esac
  done < "$file"
done 2>/dev/null
[ "$host" ] || { printf ${ABSENT}; exit; }
has() { command -v "$1" >/dev/null 2>&1; }
if has socat; then
  printf ${READY}
  [ "$host" = ::1 ] && exec socat -t 86400 - "TCP6:[::1]:$1"
  exec socat -t 86400 - "TCP4:$host:$1"
elif has python3; then
  printf ${READY}
  exec python3 -c '
import os, socket, sys, threading
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536):
        peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
out = os.fdopen(1, "wb", 0)
while data := peer.recv(65536):
    while data:
        data = data[out.write(data):]
' "$host" "$1"
elif has nc && nc --help 2>&1 | grep -q BusyBox; then
  printf ${READY}
  exec nc "$host" "$1"
elif has nc && nc -h 2>&1 | grep -q -- -N; then
  printf ${READY}
  exec nc -N "$host" "$1"
elif has perl && perl -MSocket -e 1 2>/dev/null; then
  printf ${READY}
  exec perl -MSocket -e '
my ($host, $port) = @ARGV;
my $six = $host =~ /:/;
socket(my $peer, $six ? AF_INET6 : AF_INET, SOCK_STREAM, 0) or die;
connect($peer, $six ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $host)) : pack_sockaddr_in($port, inet_aton($host))) or die;
sub carry { my ($from, $to) = @_; while (sysread($from, my $data, 65536)) { my $at = 0; $at += syswrite($to, $data, length($data) - $at, $at) || die while $at < length $data } }
my $child = fork;
unless ($child) { carry(*STDIN, $peer); shutdown($peer, 1); exit }
carry($peer, *STDOUT);
kill 9, $child;
' "$host" "$1"
fi
printf ${HELPLESS}`;

/**
 * Becomes one connection of the SSH server that is installed there, with a host key and a way in that are ours: nothing of
 * the image's own keys and settings is read or changed. Where several connect at once, each writes the same.
 */
export const SSHD = `
for each in /usr/sbin/sshd /usr/local/sbin/sshd /sbin/sshd; do [ -x "$each" ] && sshd=$each && break; done
[ "$sshd" ] || { printf ${ABSENT}; exit; }
at=/run/berth
umask 022
mkdir -p /run/sshd "$at" &&
(umask 077 && printf %s "$BERTH_HOST_KEY" > "$at/host.$$") && mv "$at/host.$$" "$at/host_key" &&
printf '%s\\n' "$BERTH_CLIENT_KEY" > "$at/client.$$" && mv "$at/client.$$" "$at/authorized_keys" || exit
unset BERTH_HOST_KEY BERTH_CLIENT_KEY
printf ${READY}
exec "$sshd" -i -e -f /dev/null -h "$at/host_key" -o "AuthorizedKeysFile=$at/authorized_keys" \\
  -o AuthenticationMethods=publickey -o PermitRootLogin=prohibit-password -o "Subsystem=sftp internal-sftp"`;

/** Becomes the image's own SFTP server; where there is none, says whether what stands for it is there. */
export const SFTP = `
for each in /usr/lib/openssh/sftp-server /usr/lib/ssh/sftp-server /usr/libexec/openssh/sftp-server /usr/libexec/sftp-server; do
  [ -x "$each" ] && { printf ${READY}; cd; exec "$each"; }
done
for each in stat readlink tail xargs; do command -v "$each" >/dev/null 2>&1 || exit; done
printf ${ABSENT}`;
