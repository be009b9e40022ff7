/** foreign, adopt and release: containers that others have made. */
import type { Command } from "commander";
import type { ContainerRuntime } from "../api/container.ts";
import type { ForeignContainer } from "../api/foreign-container.ts";
import { type Format, json, table } from "./format.ts";
import { formatOption, runtimeOption } from "./options.ts";
import { forEach, type Session } from "./session.ts";

type At = { runtime?: ContainerRuntime };

export function addForeignContainerCommands(program: Command, session: Session): void {
  runtimeOption(formatOption(program.command("foreign")))
    .description("List the containers on this host that are not Berth's")
    .action(async ({ format, runtime }: At & { format: Format }) => {
      const { api } = await session.client();
      const { items } = await api.foreignContainers.list(runtime === undefined ? {} : { runtime });
      session.print(formatForeignContainers(items, format));
    });
  runtimeOption(program.command("adopt"))
    .description("Make an instance of a container, as it is and without a stop")
    .argument("<container>", "its name, or its id or the beginning of that")
    .option("-n, --name <name>", "name of the instance (default: the container's, as far as it can be one)")
    .action(async (container: string, { name, runtime }: At & { name?: string }) => {
      const { target } = await session.operate((api) =>
        api.foreignContainers.adopt({
          container,
          ...(name === undefined ? {} : { name }),
          ...(runtime === undefined ? {} : { runtime }),
        }),
      );
      session.print(`Adopted: ${target}`);
    });
  program
    .command("release")
    .description("Forget containers and leave them as they are")
    .argument("<names...>", "the instances")
    .action(async (names: string[]) => {
      await forEach(names, async (name) => {
        await session.operate((api) => api.instances.release({ name }));
        session.print(`Released: ${name}`);
      });
    });
}

/** Pure. */
export function formatForeignContainers(items: readonly ForeignContainer[], format: Format): string {
  if (format === "json") return json({ containers: items });
  if (items.length === 0) return "No containers of others on this host.\n";
  return table(
    ["Name", "Id", "State", "Image", "Compose", "Runtime"],
    items.map(({ name, id, state, image, composeProject = "--", runtime, otherBerth }) => [
      name,
      id.slice(0, 12),
      state,
      image,
      composeProject,
      otherBerth ? `${runtime} (another Berth)` : runtime,
    ]),
  );
}
