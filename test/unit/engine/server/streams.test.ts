import { expect, test } from "vitest";
import {
  BUILD_PATH,
  COMPOSE_PATH,
  FOREIGN_LOGS_PATH,
  IMPORT_PATH,
  INSTANCE_IMPORT_PATH,
  type InstanceStreamKind,
  streamPath,
} from "../../../../src/api/frames.ts";
import { STREAMS, streamOf } from "../../../../src/engine/server/streams.ts";

/** Its instance is yet to be made. */
const OF_NONE = "importInstance";
const kinds = Object.entries(STREAMS).filter(([kind, { of }]) => of === undefined && kind !== OF_NONE);

test.each(kinds.map(([kind]) => kind as InstanceStreamKind))("the path of %s leads to it", (kind) => {
  expect(streamOf(streamPath("web", kind))).toEqual({ name: "web", kind });
  expect(streamOf(streamPath("a/ü %", kind))).toEqual({ name: "a/ü %", kind });
});

test("a build, an import, a run of compose and the logs of what others have made are of no instance", () => {
  expect(streamOf(BUILD_PATH)?.kind).toBe("build");
  expect(STREAMS.build.privilege).toBe("image.add");
  expect(streamOf(IMPORT_PATH)?.kind).toBe("import");
  expect(streamOf(INSTANCE_IMPORT_PATH)?.kind).toBe(OF_NONE);
  expect(STREAMS[OF_NONE].privilege).toBe("instance.create");
  expect(STREAMS.import.privilege).toBe("image.add");
  expect(streamOf(COMPOSE_PATH)?.kind).toBe("compose");
  expect(STREAMS.compose.privilege).toBe("system.config");
  expect(streamOf(FOREIGN_LOGS_PATH)?.kind).toBe("foreignLogs");
  expect(STREAMS.foreignLogs.privilege).toBe("system.config");
});

test.each([
  "/v1/instances/web/build",
  "/v1/instances/web/compose",
  "/v1/instances/web/foreignLogs",
  "/v1/instances/web/import",
  "/v1/instances/web/importInstance",
  "/v1/instances/web",
  "/v1/instances/web/nothing",
  "/v1/instances/web/toString",
  "/v1/instances/web/exec/more",
  "/v1/instances//exec",
  "/v1/instances/%/exec",
  "/v2/instances/web/exec",
  "",
])("%j leads to none", (path) => {
  expect(streamOf(path)).toBeUndefined();
});

test("to use a console, of whichever kind, is a right of its own", () => {
  const { console, display, attach } = STREAMS;
  for (const { privilege } of [console, display, attach]) expect(privilege).toBe("instance.console");
  expect([STREAMS.exec.privilege, STREAMS.tunnel.privilege]).toEqual(["instance.exec", "instance.forward"]);
});
