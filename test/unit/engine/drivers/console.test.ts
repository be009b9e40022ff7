import { expect, test } from "vitest";
import { consolePort, serialPort } from "../../../../src/engine/drivers/qemu/argv-console.ts";

const files = { console: "/run/a, b/1.tty", serialLog: "/data/a, b/serial.log" };

test.each([
  ["linux", false, "path=/run/a,, b/1.tty", "off"],
  ["linux", true, "path=/run/a,, b/1.tty", "on"],
  ["darwin", false, "path=/run/a,, b/1.tty", "off"],
  ["win32", false, "host=127.0.0.1,port=0", "off"],
] as const)("on %s, going on: %s", (platform, append, at, logappend) => {
  expect(serialPort(platform, files, append)).toBe(
    `socket,id=serial,${at},server=on,wait=off,logfile=/data/a,, b/serial.log,logappend=${logappend}`,
  );
});

const device = (label: string, filename: string) => ({ label, filename, "frontend-open": true });

test.each([
  [[device("monitor", "pipe"), device("serial", "disconnected:tcp:127.0.0.1:39583,server=on")], 39583],
  [[device("serial", "tcp:127.0.0.1:39583,server=on <-> 127.0.0.1:40000")], 39583],
  [[device("serial", "disconnected:tcp:127.0.0.1:0,server=on")], undefined],
  [[device("monitor", "tcp:127.0.0.1:39583,server=on")], undefined],
  [[device("serial", "unix:/run/1.tty,server=on")], undefined],
  [[{}], undefined],
  [[], undefined],
  [{}, undefined],
  [undefined, undefined],
])("the port in %j is %j", (answer, port) => {
  expect(consolePort(answer)).toBe(port);
});
