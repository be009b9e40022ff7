/** doctor: looks at everything an instance needs, and says what to do where something is amiss. And support: the same
 * with logs, in one text file to read and send. */
import { lookup } from "node:dns/promises";
import path from "node:path";
import type { Command } from "commander";
import manifest from "../../package.json" with { type: "json" };
import type { EngineInfo, Settings } from "../api/engine-info.ts";
import type { Finding } from "../api/finding.ts";
import type { Instance } from "../api/instance.ts";
import { withDeadline } from "../base/async.ts";
import { exists, writeFileDurable } from "../base/durable.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { currentPaths } from "../base/paths.ts";
import { withoutControls } from "../base/plain-text.ts";
import { redactText } from "../base/secret.ts";
import { formatBytes } from "../base/units.ts";
import { json } from "./format.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";

const LOW_DISK_BYTES = 10 * 2 ** 30;
const LOOKUP_MS = 5_000;
const LOG_LINES = 400;

export function addDoctorCommands(program: Command, session: Session): void {
  formatOption(
    program.command("doctor").description("Check everything that instances need on this host"),
  ).action(async ({ format }: { format: "table" | "json" }) => {
    const findings = await examine(session);
    session.print(format === "json" ? json({ findings }) : formatFindings(findings));
    if (findings.some((one) => one.verdict === "error")) session.exitCode = 2;
  });
  program
    .command("support")
    .description("Write what helps to find a fault into one text file, without secrets")
    .argument("[file]", "where to", `berth-support-${new Date().toISOString().slice(0, 10)}.txt`)
    .action(async (file: string) => {
      if (await exists(file)) {
        throw new EngineError("already-exists", `cannot write ${file}: it exists`, {
          hint: "Name another file.",
        });
      }
      await writeFileDurable(path.resolve(file), await supportText(session), 0o600);
      session.print(
        `Written: ${file}\nRead it before you send it: it names your instances, images and directories.`,
      );
    });
}

async function examine(session: Session): Promise<Finding[]> {
  const { api } = await session.client();
  const [info, settings, { items }] = [
    await api.engine.probe(),
    await api.settings.get(),
    await api.instances.list(),
  ];
  const [names, catalog, host] = await Promise.all([
    nameFinding(settings),
    api.images.find({ query: "" }).then(
      ({ problems }) => problems.map((one) => one.message),
      (error: unknown) => [messageOf(error)],
    ),
    api.engine.examine(),
  ]);
  return [...hostFindings(info), names, catalogFinding(catalog), ...host.items, instancesFinding(items)];
}

/** What the engine knows of its host and its drivers. Pure. */
export function hostFindings({ host, drivers, problems, version, pid }: EngineInfo): Finding[] {
  const free = host.freeDiskBytes;
  return [
    { what: "Engine", verdict: "ok", text: `version ${version}, process ${pid}` },
    ...drivers.flatMap((driver): Finding[] => [
      driverFinding(driver),
      ...(driver.accelerator === undefined ||
      driver.problems.some((one) => one.code === "accelerator-unusable")
        ? []
        : [acceleratorFinding(driver.accelerator)]),
      ...driver.problems.map((one) => problemFinding(driver.name, one)),
    ]),
    {
      what: "Disk",
      verdict: free < LOW_DISK_BYTES ? "warning" : "ok",
      text: `${formatBytes(free)} free`,
      ...(free < LOW_DISK_BYTES
        ? { hint: "Remove unused images: berth image prune. Empty the trash: berth purge." }
        : {}),
    },
    {
      what: "Host",
      verdict: "ok",
      text: `${host.cpus} CPUs, ${formatBytes(host.memoryBytes)} of memory, ${host.arch}`,
    },
    ...problems.map((one) => problemFinding("Engine", one)),
  ];
}

/** Containers are an addition: a host without a runtime for them has all that VMs need. */
function driverFinding({ name, kind, available, version }: EngineInfo["drivers"][number]): Finding {
  if (available) return { what: name, verdict: "ok", text: version ? `version ${version}` : "available" };
  return { what: name, verdict: kind === "vm" ? "error" : "ok", text: "not available" };
}

function acceleratorFinding(accelerator: string): Finding {
  if (accelerator !== "tcg") return { what: "Accelerator", verdict: "ok", text: accelerator };
  return { what: "Accelerator", verdict: "warning", text: "tcg: guests are emulated, which is slow" };
}

function problemFinding(what: string, { severity, message, hint }: EngineInfo["problems"][number]): Finding {
  const verdict = severity === "info" ? "ok" : severity;
  return { what, verdict, text: message, ...(hint === undefined ? {} : { hint }) };
}

async function nameFinding(settings: Settings): Promise<Finding> {
  const { hostname } = new URL(settings["images.ubuntu-url"]);
  const { signal, done } = withDeadline(LOOKUP_MS);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("no answer in time")), { once: true });
  });
  try {
    const { address } = await Promise.race([lookup(hostname), late]);
    return { what: "Names", verdict: "ok", text: `${hostname} is ${address}` };
  } catch (error) {
    const hint = "Look at this host's DNS servers, and at a VPN that may have changed them.";
    return {
      what: "Names",
      verdict: "warning",
      text: `${hostname} cannot be looked up: ${messageOf(error)}`,
      hint,
    };
  } finally {
    late.catch(() => {});
    done();
  }
}

function catalogFinding(problems: readonly string[]): Finding {
  if (problems.length === 0) return { what: "Images", verdict: "ok", text: "all catalogs can be read" };
  const hint =
    "Images on this host, files and local builds work without: berth image list, berth image build debian:12";
  return { what: "Images", verdict: "warning", text: problems.join("; "), hint };
}

/** Pure. */
export function instancesFinding(
  instances: readonly Pick<Instance, "name" | "state" | "problems">[],
): Finding {
  const broken = instances.filter(({ problems }) => problems.some((one) => one.severity === "error"));
  if (broken.length === 0)
    return { what: "Instances", verdict: "ok", text: `${instances.length}, none with errors` };
  const text = broken.map((one) => `${one.name}: ${one.problems[0]?.message ?? one.state}`).join("; ");
  return { what: "Instances", verdict: "error", text, hint: "berth info NAME tells more." };
}

const MARKS = { ok: "✓", warning: "!", error: "✗" } as const;

export function formatFindings(findings: readonly Finding[]): string {
  return findings
    .map(({ what, verdict, text, hint }) => {
      const line = `${MARKS[verdict]} ${`${what}:`.padEnd(13)} ${withoutControls(text).replaceAll("\n", " ")}\n`;
      return hint ? `${line}${" ".repeat(16)}${hint}\n` : line;
    })
    .join("");
}

/** Everything in sections. The engine's log has no secrets in it, and user-data is never asked for. */
async function supportText(session: Session): Promise<string> {
  const { api } = await session.client();
  const { tail } = await import("./tail.ts");
  const part = async (title: string, work: () => Promise<string>) =>
    `== ${title}\n${await work().catch((error: unknown) => `(${messageOf(error)})`)}\n`;
  const { items } = await api.instances.list();
  const parts = [
    await part("Berth", async () => `${manifest.version}, Node ${process.versions.node}, ${process.arch}`),
    await part("Findings", async () => formatFindings(await examine(session))),
    await part("Engine", async () => json(await api.engine.info())),
    await part("Settings", async () => json(await api.settings.get())),
    await part("Instances", async () => json(items)),
    await part("Operations", async () => json((await api.operations.list()).items)),
    await part("Images", async () => json((await api.images.cached()).items)),
    await part("Engine's log", () => tail(currentPaths().log, LOG_LINES)),
  ];
  for (const { name } of items) {
    parts.push(
      await part(
        `Driver's log of ${name}`,
        async () => (await api.instances.log({ name, source: "driver" })).text,
      ),
    );
  }
  return redactText(withoutControls(parts.join("\n")));
}
