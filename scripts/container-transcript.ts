/** Runs what a user does with containers on a real Docker and a real Podman, and writes what was said to docs/containers-transcript.md. */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { RUNTIME_NAMES, type Runtime } from "../src/engine/drivers/oci/endpoints.ts";
import { Berth } from "../test/support/berth.ts";
import { loadImage, makeImage } from "../test/support/container-image.ts";
import { startRuntimes, type TestRuntime } from "../test/support/runtimes.ts";
import { type Step, transcribe, writeTranscript } from "./transcribe.ts";

const IMAGE = "localhost/tools:1";
const SERVE = "'mkdir -p /srv; trap \"exit 0\" TERM; echo serving $SITE; httpd -f -p 80 -h /srv & wait $!'";

/** An application serves files; a machine is worked in. */
const stepsOf = (runtime: Runtime): readonly Step[] => [
  { title: `An application on ${RUNTIME_NAMES[runtime]}` },
  `launch ${runtime}:${IMAGE} --name web --memory 256M -e SITE=docs -p 8080:80 -- sh -c ${SERVE}`,
  "info web",
  "exec web -- sh -c 'echo $SITE on $(uname -s)'",
  "exec web -- sh -c 'exit 7'",
  "logs web",
  "stats --no-stream web",
  "transfer index.html web:/srv/",
  "transfer web:/srv/index.html copy.html",
  "pause web",
  "exec web -- true",
  "unpause web",
  "stop web",
  "snapshot web --name good",
  "start web",
  "exec web -- rm /srv/index.html",
  "stop web",
  "restore --destructive web.good",
  "clone web --name twin",
  "start web",
  "exec web -- cat /srv/index.html",
  "list",
  "delete --purge web twin",
  { title: `A machine on ${RUNTIME_NAMES[runtime]}` },
  `launch ${runtime}:${IMAGE} --name box --shape machine`,
  { line: "shell box", typed: "pwd\necho made in a shell > notes\nexit\n" },
  "exec box -- cat notes",
  "exec box -- sh -c 'echo said by the machine > /proc/1/fd/1'",
  "logs box",
  "stats --no-stream box",
  "transfer -r site box:",
  "exec box -- ls site",
  "transfer box:notes notes",
  "stop box",
  "snapshot box --name before",
  "start box",
  "exec box -- rm -r site notes",
  "stop box",
  "restore --destructive box.before",
  "clone box --name copy",
  "start box copy",
  "exec copy -- cat notes",
  "list --snapshots",
  "delete box copy",
  "list",
  "recover box",
  "delete --purge box copy",
  "list",
];

const HEADING = [
  "# Containers, from launch to delete",
  "",
  "Written by `npm run transcript:containers` from runs on a real Docker and a real Podman. The image is BusyBox, made on",
  "this host, so that the run needs no internet; progress is left out.",
];

const runtimes = await startRuntimes();
try {
  const said: string[] = [];
  for (const one of [runtimes.docker, runtimes.podman]) said.push(...(await saidOn(one)));
  await writeTranscript("containers-transcript.md", HEADING, said);
} finally {
  await runtimes.stop();
}

async function saidOn({ runtime, api }: TestRuntime): Promise<string[]> {
  await loadImage(api, await makeImage(), IMAGE);
  const { address } = api.endpoint;
  const socket = "socketPath" in address ? address.socketPath : "";
  const berth = await Berth.make({ DOCKER_HOST: `unix://${socket}`, TZ: "UTC" });
  try {
    const directory = path.join(berth.home, "work");
    await mkdir(path.join(directory, "site"), { recursive: true });
    await writeFile(path.join(directory, "index.html"), "hello from the host\n");
    await writeFile(path.join(directory, "site", "about.html"), "about\n");
    return await transcribe({ berth, name: "berth", directory }, stepsOf(runtime));
  } finally {
    await berth.dispose();
  }
}
