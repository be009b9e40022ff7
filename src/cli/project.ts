/** up, down and status: the instances of a `berth.yaml`. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import type { Instance } from "../api/instance.ts";
import type { Project, ProjectInstance } from "../api/project.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { parseMount } from "../base/mount-text.ts";
import { withoutControls } from "../base/plain-text.ts";
import { parseNetwork } from "../client/network-text.ts";
import {
  difference,
  disksOf,
  isElsewhere,
  missingNics,
  type Step,
  selected,
  sizesOf,
  stepsOf,
  type Todo,
  todoOf,
  type Written,
  type WrittenMount,
} from "../client/project/plan.ts";
import { json, stateWord, table } from "./format.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";
import { readUserData } from "./user-data.ts";

const FILE = "berth.yaml";
/** Where a guest remembers the steps that have succeeded; in the user's home, which a clone and a snapshot keep. */
const MARKS = ".local/state/berth/provision";

type Where = { file: string };

export function addProjectCommands(program: Command, session: Session): void {
  const verb = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .argument("[names...]", "these instances of the file only, and what they depend on")
      .option("-f, --file <file>", "the file", FILE);

  verb("up", `Make the instances of ${FILE} be and run as it says`).action(
    async (names: string[], { file }: Where) => {
      const project = await readProject(file);
      await up(session, project, selected(project, known(project, names, file)), path.dirname(file));
    },
  );
  verb("down", "Stop them, or delete them")
    .option("--delete", "move them to the trash")
    .action(async (names: string[], { file, delete: remove }: Where & { delete?: boolean }) => {
      const project = await readProject(file);
      const wanted = known(project, names, file);
      await down(
        session,
        project,
        wanted.length > 0 ? wanted : Object.keys(project.instances),
        remove ?? false,
      );
    });
  formatOption(verb("status", "Tell how they are, and what differs from the file")).action(
    async (names: string[], { file, format }: Where & { format: "table" | "json" }) => {
      const project = await readProject(file);
      const wanted = known(project, names, file);
      const shown = wanted.length > 0 ? wanted : Object.keys(project.instances);
      await status(session, project, shown, { format, directory: path.dirname(file) });
    },
  );
}

async function readProject(file: string): Promise<Project> {
  let content: string;
  try {
    content = await readFile(file, "utf8");
  } catch (error) {
    throw new EngineError("invalid-argument", `cannot read ${file}: ${messageOf(error)}`, {
      hint: `Write one, or name another with --file. Example: instances: { web: { image: "24.04" } }`,
    });
  }
  const { parseProject } = await import("../client/project/parse.ts");
  return parseProject(content, file);
}

function known({ instances }: Project, names: readonly string[], file: string): string[] {
  const unknown = names.find((name) => !Object.hasOwn(instances, name));
  if (unknown === undefined) return [...names];
  throw new EngineError("not-found", `cannot find ${unknown}: ${file} has no such instance`, {
    hint: `It has: ${Object.keys(instances).join(", ")}`,
  });
}

/** Each as soon as what it depends on is up. One that fails keeps those back that need it, and no others. */
async function up(
  session: Session,
  project: Project,
  names: readonly string[],
  directory: string,
): Promise<void> {
  const all = new Map<string, Promise<void>>();
  for (const name of names) {
    const wanted = project.instances[name] ?? {};
    const before = (wanted["depends-on"] ?? []).map((other) =>
      (all.get(other) ?? Promise.resolve()).catch(() => {
        throw new EngineError(
          "wrong-state",
          `cannot bring ${name} up: ${other}, which it depends on, is not up`,
        );
      }),
    );
    const work = Promise.all(before).then(() => upOne(session, name, wanted, directory));
    work.catch(() => {});
    all.set(name, work);
  }
  await settled([...all.values()]);
}

async function settled(all: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(all);
  const failures = results.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
  const [first] = failures;
  if (failures.length === 0) return;
  if (failures.length === 1) throw first;
  const message = `The following errors occurred:\n${failures.map(messageOf).join("\n")}`;
  throw new EngineError(first instanceof EngineError ? first.code : "internal", message, { cause: first });
}

async function upOne(
  session: Session,
  name: string,
  wanted: ProjectInstance,
  directory: string,
): Promise<void> {
  const { api } = await session.client();
  const now = (await api.instances.list()).items.find((one) => one.name === name);
  if (now?.state === "deleted") {
    throw new EngineError("wrong-state", `cannot bring ${name} up: it is in the trash`, {
      hint: `Recover it: berth recover ${name}. Or purge it, to have a new one made.`,
    });
  }
  const snapshots = wanted.snapshot && now ? (await api.snapshots.list({ instance: name })).items : [];
  const taken = snapshots.map((one) => one.name);
  for (const todo of todoOf(name, wanted, now, taken, await writtenOf(session, wanted, directory)))
    await carryOut(session, name, wanted, todo, directory);
  await provision(session, name, stepsOf(wanted));
  session.print(`Up: ${name}`);
}

async function writtenOf(session: Session, wanted: ProjectInstance, directory: string): Promise<Written> {
  const { api } = await session.client();
  const bridged = (await api.settings.get())["local.bridged-network"];
  const networks = (wanted.networks ?? []).map(parseNetwork);
  return {
    mounts: mountsOf(wanted, directory),
    networks: networks.map((nic) =>
      nic.network === "bridged" && bridged ? { ...nic, network: bridged } : nic,
    ),
  };
}

async function carryOut(
  session: Session,
  name: string,
  wanted: ProjectInstance,
  todo: Todo,
  directory: string,
): Promise<void> {
  switch (todo.do) {
    case "launch": {
      const userData = await userDataOf(session, wanted, directory);
      const spec = { name, ...sizesOf(wanted), ...(userData === undefined ? {} : { userData }) };
      const image = wanted.image === undefined ? {} : { image: wanted.image };
      const place = wanted.zone === undefined ? {} : { zone: wanted.zone };
      const mounts = mountsOf(wanted, directory);
      const disks = disksOf(wanted);
      const networks = (wanted.networks ?? []).map(parseNetwork);
      const devices = { mounts, disks, networks };
      await session.operate((api) => api.instances.launch({ ...spec, ...image, ...place, ...devices }));
      return;
    }
    case "change-sizes":
      await session.operate((api) => api.instances.update({ name, ...todo.sizes }));
      return;
    case "add-disk":
      await session.operate((api) => api.disks.add({ name, disk: todo.name, sizeBytes: todo.sizeBytes }));
      return;
    case "resize-disk":
      await session.operate((api) => api.disks.resize({ name, disk: todo.name, sizeBytes: todo.sizeBytes }));
      return;
    case "restore":
      await session.operate((api) => api.snapshots.restore({ name, snapshot: todo.snapshot }));
      return;
    case "add-network":
      await session.operate((api) => api.networks.attach({ name, ...todo.nic }));
      return;
    case "start":
      await session.operate((api) => api.instances.start({ name }));
      return;
    case "add-port":
      await session.operate((api) => api.ports.add({ name, ...todo.port }));
      return;
    case "add-mount":
      await session.operate((api) => api.mounts.add({ name, ...todo.mount }));
      return;
    case "tell":
      session.note(`warning: ${todo.text}`);
  }
}

function mountsOf({ mounts = [] }: ProjectInstance, directory: string): WrittenMount[] {
  return mounts.map((text) => parseMount(text, directory));
}

async function userDataOf(
  session: Session,
  wanted: ProjectInstance,
  directory: string,
): Promise<string | undefined> {
  const from = wanted["cloud-init"];
  if (from === undefined) return wanted["user-data"];
  return readUserData(session, /^https?:\/\//i.test(from) ? from : path.resolve(directory, from));
}

/** One step after the other; each is remembered in the guest when it has succeeded. */
async function provision(session: Session, name: string, steps: readonly Step[]): Promise<void> {
  if (steps.length === 0) return;
  const done = new Set(
    (await ran(session, name, ["sh", "-c", `ls ${MARKS} 2>/dev/null || true`])).output.split("\n"),
  );
  for (const [index, { argv, mark, always }] of steps.entries()) {
    if (!always && done.has(mark)) continue;
    session.note(`${name}: step ${index + 1} of ${steps.length}: ${argv.at(-1)?.split("\n")[0]}`);
    const { code, output } = await ran(session, name, argv);
    if (code !== 0) {
      const last = output.trim().split("\n").slice(-5).join("\n");
      throw new EngineError(
        "driver-failed",
        `cannot provision ${name}: step ${index + 1} ended with ${code}: ${last}`,
        {
          hint: "Correct the step, then run berth up again: steps that have succeeded are not run again.",
        },
      );
    }
    await ran(session, name, ["sh", "-c", `mkdir -p ${MARKS} && touch ${MARKS}/${mark}`]);
  }
}

async function ran(
  session: Session,
  name: string,
  argv: readonly string[],
): Promise<{ code: number; output: string }> {
  const client = await session.client();
  const child = await client.exec(name, { argv: [...argv] }, { signal: session.signal });
  child.stdin.end();
  const [out, err, { code, signal }] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    child.exited,
  ]);
  return { code: code ?? (signal ? 255 : 0), output: withoutControls(out + err) };
}

/** What others depend on goes last. */
async function down(
  session: Session,
  project: Project,
  names: readonly string[],
  remove: boolean,
): Promise<void> {
  const { api } = await session.client();
  const present = new Map((await api.instances.list()).items.map((one) => [one.name, one]));
  for (const name of selected(project, names)
    .reverse()
    .filter((one) => names.includes(one))) {
    const state = present.get(name)?.state;
    if (state === undefined || state === "deleted") continue;
    if (remove) await session.operate(() => api.instances.delete({ name }));
    else if (state !== "stopped" && state !== "suspended")
      await session.operate(() => api.instances.stop({ name }));
    session.print(`${remove ? "Deleted" : "Down"}: ${name}`);
  }
}

async function status(
  session: Session,
  project: Project,
  names: readonly string[],
  { format, directory }: { format: "table" | "json"; directory: string },
): Promise<void> {
  const { api } = await session.client();
  const present = new Map((await api.instances.list()).items.map((one) => [one.name, one]));
  const rowOf = async (name: string) => {
    const [now, wanted] = [present.get(name), project.instances[name] ?? {}];
    const written = await writtenOf(session, wanted, directory);
    return { name, state: now ? stateWord(now) : "Missing", differs: differencesOf(wanted, now, written) };
  };
  const rows = await Promise.all(names.map(rowOf));
  if (format === "json") session.print(json({ instances: rows }));
  else {
    const cells = rows.map((one) => [one.name, one.state, one.differs.join(", ") || "--"]);
    session.print(table(["Name", "State", "Differs from the file"], cells));
  }
}

/** Words for what `up` would change. */
function differencesOf(wanted: ProjectInstance, now: Instance | undefined, written: Written): string[] {
  if (!now) return [];
  const sizes = Object.keys(difference(sizesOf(wanted), now) ?? {}).map((key) => key.replace("Bytes", ""));
  const todo = todoOf(now.name, wanted, now, [], written);
  const ports = todo.some((one) => one.do === "add-port");
  const mounts = todo.some((one) => one.do === "add-mount");
  const zone = isElsewhere(wanted, now);
  const disks = todo.some((one) => one.do === "add-disk" || one.do === "resize-disk");
  const networks = missingNics(written.networks ?? [], now).length > 0;
  const others = { zone, networks, ports, mounts, disks };
  return [...sizes, ...Object.entries(others).flatMap(([word, differs]) => (differs ? [word] : []))];
}
