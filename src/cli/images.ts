/** find, and the images on this host. */
import type { Command } from "commander";
import { EngineError } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";
import { type Format, formatCached, formatFind } from "./format.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";

export function addImageCommands(program: Command, session: Session): void {
  formatOption(
    program
      .command("find")
      .summary("Display available images to create instances from")
      .argument("[query]", "a part of a name, or remote:, such as daily:", "")
      .option("--show-unsupported", "show unsupported images as well"),
  ).action(async (query: string, options: { format: Format; showUnsupported?: boolean }) => {
    const { api } = await session.client();
    const found = await api.images.find({ query, unsupported: options.showUnsupported ?? false });
    for (const problem of found.problems) session.note(`warning: ${problem.message}`);
    session.print(formatFind(found.items, options.format));
  });

  const image = program.command("image").summary("Manage the images on this host");
  formatOption(image.command("list").alias("ls").summary("List the images on this host")).action(
    async (options: { format: Format }) => {
      const { api } = await session.client();
      session.print(formatCached((await api.images.cached()).items, options.format));
    },
  );
  image
    .command("pull")
    .summary("Download an image before it is needed")
    .argument("<image>")
    .action(async (reference: string) => {
      const { api } = await session.client();
      await session.follow(await api.images.pull({ reference }));
      session.print(`Pulled: ${reference}`);
    });
  image
    .command("build")
    .summary("Build an image from a distribution's packages")
    .argument("<recipe>", "debian:12")
    .action(async (recipe: string) => {
      const { api } = await session.client();
      await session.follow(await api.images.build({ recipe }));
      session.print(`Built: ${recipe}`);
    });
  image
    .command("remove")
    .alias("rm")
    .summary("Remove an unused image")
    .argument("<image>", "its reference, or the beginning of its id")
    .action(async (wanted: string) => {
      const { api } = await session.client();
      const { items } = await api.images.cached();
      const fitting = items.filter((item) => item.reference === wanted || item.id.startsWith(wanted));
      const [only] = fitting;
      if (!only || fitting.length > 1) {
        throw new EngineError(
          "not-found",
          `cannot remove ${wanted}: ${only ? "it fits several images" : "no image fits"}`,
          {
            hint: "berth image list shows them; give more of the id.",
          },
        );
      }
      const { freedBytes } = await api.images.remove({ id: only.id });
      session.print(`Removed: ${only.reference} (${formatBytes(freedBytes)} freed)`);
    });
  image
    .command("prune")
    .summary("Remove every unused image")
    .action(async () => {
      const { api } = await session.client();
      const { removed, freedBytes } = await api.images.prune();
      session.print(`Removed ${removed.length} images (${formatBytes(freedBytes)} freed)`);
    });
}
