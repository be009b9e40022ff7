/** disk: what an instance has beside its first disk. */
import type { Command } from "commander";
import { DISK_HEADER, diskRow } from "./disk-formats.ts";
import { diskSize, parseDisk } from "./disk-text.ts";
import { json, table } from "./format.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";

export function addDiskCommands(program: Command, session: Session): void {
  const group = program.command("disk").description("Disks of an instance beside its first one");
  const verb = (name: string, description: string) =>
    group.command(name).description(description).argument("<name>", "the instance");

  formatOption(verb("list", "List them, those that were removed included").alias("ls")).action(
    async (name: string, { format }: { format: "table" | "json" }) => {
      const { api } = await session.client();
      const { items } = await api.disks.list({ name });
      if (format === "json") session.print(json({ disks: items }));
      else if (items.length === 0) session.print(`${name} has no extra disks.`);
      else session.print(table(DISK_HEADER, items.map(diskRow)));
    },
  );
  verb("add", "Add one; a running guest gets it at once")
    .argument("<disk>", "10G, or name=data,size=10G, or name=data,from=FILE")
    .action(async (name: string, text: string) => {
      const { name: disk, ...wanted } = parseDisk(text, process.cwd());
      const named = disk === undefined ? {} : { disk };
      const { target } = await session.operate((api) => api.disks.add({ name, ...named, ...wanted }));
      session.print(`Added: ${target}`);
    });
  verb("resize", "Enlarge one; the file system on it is the guest's to enlarge")
    .argument("<disk>", "its name")
    .argument("<size>", "the new size, such as 20G")
    .action(async (name: string, disk: string, size: string) => {
      await session.operate((api) => api.disks.resize({ name, disk, sizeBytes: diskSize(size) }));
    });
  addRemoving(group, session);
}

function addRemoving(group: Command, session: Session): void {
  const verb = (name: string, description: string) =>
    group
      .command(name)
      .description(description)
      .argument("<name>", "the instance")
      .argument("<disk>", "its name, or its id");

  verb("remove", "Take one away; what it holds is kept until it is purged")
    .alias("rm")
    .option("--force", "even where the running guest uses it, or does not answer")
    .option("--purge", "delete it for good at once")
    .action(async (name: string, disk: string, options: { force?: boolean; purge?: boolean }) => {
      const { api } = await session.client();
      const known = (await api.disks.list({ name })).items.find(
        (one) => one.removedAt === undefined && (one.name === disk || one.id === disk),
      );
      await session.operate(() => api.disks.remove({ name, disk, force: options.force ?? false }));
      if (options.purge && known) await session.operate(() => api.disks.purge({ name, disk: known.id }));
    });
  verb("recover", "Put a removed one back").action(async (name: string, disk: string) => {
    await session.operate((api) => api.disks.recover({ name, disk }));
  });
  verb("purge", "Delete a removed one for good").action(async (name: string, disk: string) => {
    await session.operate((api) => api.disks.purge({ name, disk }));
  });
}
