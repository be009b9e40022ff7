/** The engine process: the real parts put together. It takes no arguments; the environment says where its files are. */
import "./late-optimizing.ts";
import path from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { currentPaths } from "../base/paths.ts";
import { createOciDriver } from "./drivers/oci/driver.ts";
import { preferredRuntime } from "./drivers/oci/runtimes.ts";
import { createQemuDriver } from "./drivers/qemu/driver.ts";
import { openEngine } from "./engine.ts";
import type { EngineContext } from "./engine-options.ts";
import { openImages } from "./images/library.ts";
import { openLog } from "./log-file.ts";
import { runEngineProcess } from "./server/process.ts";

const paths = currentPaths();
const { version } = manifest;

void runEngineProcess({
  paths,
  version,
  openLog: () => openLog({ file: paths.log, level: "info" }),
  openCore: (log) =>
    openEngine({
      paths,
      version,
      log,
      repository: { worker: path.join(__dirname, "repository-worker.js") },
      drivers: ({ settings, containerHost }: EngineContext) => [
        createQemuDriver({ settings: () => settings.get(), scratch: path.join(paths.run, "qemu") }),
        createOciDriver({
          data: paths.data,
          host: containerHost,
          preferred: () => preferredRuntime(settings.get()),
        }),
      ],
      images: ({ locations, settings, imageUsers }: EngineContext) =>
        openImages({ paths: locations, settings: () => settings.get(), users: imageUsers, log }),
    }),
});
