/** mount and umount: directories of this host inside instances. */
import path from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { IdMapping, MountType, NewMount } from "../api/mount.ts";
import { EngineError } from "../base/errors.ts";
import { forEach, type Session } from "./session.ts";

type MountOptions = { uidMap?: IdMapping[]; gidMap?: IdMapping[]; type: MountType };

export function addMountCommands(program: Command, session: Session): void {
  program
    .command("mount")
    .description("Show a directory of this host in instances")
    .argument("<source>", "the directory of this host")
    .argument("<targets...>", "<name>[:<path>]; without a path, the source's own name in the user's home")
    .option("-g, --gid-map <host:instance>", "a group of this host and who it is in the instance", idMap)
    .option("-u, --uid-map <host:instance>", "a user of this host and who it is in the instance", idMap)
    .addOption(
      new Option("-t, --type <type>", "classic, at any time; or native, quicker, while it is stopped")
        .choices(["classic", "native"])
        .default("classic"),
    )
    .action(async (source: string, targets: string[], options: MountOptions) => {
      await eachTarget(targets, async (name, target) => {
        const wanted = { ...newMount(source, target), ...mapsOf(options), type: options.type };
        await session.operate((api) => api.mounts.add({ name, ...wanted }));
      });
    });

  program
    .command("umount")
    .alias("unmount")
    .description("Take mounted directories away from instances")
    .argument("<mounts...>", "<name>[:<path>]; without a path, all of the instance")
    .action(async (mounts: string[]) => {
      await eachTarget(mounts, async (name, target) => {
        await session.operate((api) =>
          api.mounts.remove({ name, ...(target === undefined ? {} : { target }) }),
        );
      });
    });
}

/** Several instances at a time, but the paths of one after another: an instance does one thing at a time. */
async function eachTarget(
  texts: readonly string[],
  work: (name: string, target: string | undefined) => Promise<void>,
): Promise<void> {
  const paths = new Map<string, (string | undefined)[]>();
  for (const { name, path: target } of texts.map(parseTarget)) {
    paths.set(name, [...(paths.get(name) ?? []), target]);
  }
  await forEach([...paths.keys()], async (name) => {
    for (const target of paths.get(name) ?? []) await work(name, target);
  });
}

/** `web:/srv` taken apart. Throws `invalid-argument`. Pure. */
export function parseTarget(text: string): { name: string; path?: string } {
  const at = text.indexOf(":");
  const [name, target] = at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
  if (name === "" || target === "") {
    throw new EngineError("invalid-argument", `${text} is not a valid target`, {
      hint: "Write the instance, a colon and a path: web:/srv/data, or the instance alone.",
    });
  }
  return target === undefined ? { name } : { name, path: target };
}

function newMount(source: string, target: string | undefined): NewMount {
  return { source: path.resolve(source), ...(target === undefined ? {} : { target }) };
}

function mapsOf({ uidMap, gidMap }: MountOptions): Pick<NewMount, "uids" | "gids"> {
  return { ...(uidMap ? { uids: uidMap } : {}), ...(gidMap ? { gids: gidMap } : {}) };
}

/** `1000:1001`, `1000:default`; every one that is given counts. */
function idMap(text: string, before: IdMapping[] = []): IdMapping[] {
  const match = /^(\d{1,10}):(\d{1,10}|default|-1)$/.exec(text);
  const [, host, guest] = match ?? [];
  if (host === undefined || guest === undefined) {
    throw new InvalidArgumentError("Write <host>:<instance> in numbers, or default as the instance's.");
  }
  return [...before, { host: Number(host), guest: guest === "default" ? -1 : Number(guest) }];
}
