/** find, and the images on this host. */
import { type Command, Option } from "commander";
import type { CachedImage } from "../api/image.ts";
import { EngineError } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";
import { type Format, formatCached } from "./format.ts";
import { type AnyFormat, FORMATS } from "./formats.ts";
import { noBlueprints } from "./multipass/other-formats.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";

type FindOptions = {
  format: AnyFormat;
  showUnsupported?: boolean;
  forceUpdate?: boolean;
  onlyImages?: boolean;
  onlyBlueprints?: boolean;
};

export function addImageCommands(program: Command, session: Session): void {
  addFind(program, session);
  const image = program.command("image").description("Manage the images on this host");
  addListing(image, session);
  addMaking(image, session);
  addRemoval(image, session);
}

function addFind(program: Command, session: Session): void {
  formatOption(
    program
      .command("find")
      .description("Display available images to create instances from")
      .argument("[query]", "a part of a name, or a remote, such as daily:", "")
      .option("--show-unsupported", "show unsupported images as well")
      .option("--force-update", "ask the catalogs again, however lately they have answered")
      .addOption(new Option("--only-images").hideHelp())
      .addOption(new Option("--only-blueprints").hideHelp()),
    FORMATS,
  ).action((query: string, options: FindOptions) => find(session, query, options));
}

async function find(session: Session, query: string, options: FindOptions): Promise<void> {
  const { format, showUnsupported = false, forceUpdate = false, onlyImages, onlyBlueprints } = options;
  if (onlyImages && onlyBlueprints) {
    throw new EngineError(
      "invalid-argument",
      'Specify only one of "--only-images", "--only-blueprints" or omit to fetch both',
    );
  }
  if (onlyBlueprints) {
    session.print(noBlueprints(format));
    return;
  }
  if (query.split(":").length > 2)
    throw new EngineError("invalid-argument", "Invalid remote and search string supplied");
  const { api } = await session.client();
  const found = await api.images.find({ query, unsupported: showUnsupported, refresh: forceUpdate });
  for (const problem of found.problems) session.note(`warning: ${problem.message}`);
  session.print(session.formats.find(found.items, format, query));
}

function addListing(image: Command, session: Session): void {
  formatOption(image.command("list").alias("ls").description("List the images on this host")).action(
    async (options: { format: Format }) => {
      const { api } = await session.client();
      session.print(formatCached((await api.images.cached()).items, options.format));
    },
  );
}

function addMaking(image: Command, session: Session): void {
  image
    .command("pull")
    .description("Download an image before it is needed")
    .argument("<image>", "as launch takes it: 24.04, debian, daily:26.04, https://…")
    .action(async (reference: string) => {
      await session.operate((api) => api.images.pull({ reference }));
      session.print(`Pulled: ${reference}`);
    });
  image
    .command("build")
    .description("Build an image from a distribution's packages")
    .argument("<recipe>", "debian:12")
    .action(async (recipe: string) => {
      await session.operate((api) => api.images.build({ recipe }));
      session.print(`Built: ${recipe}`);
    });
}

function addRemoval(image: Command, session: Session): void {
  image
    .command("remove")
    .alias("rm")
    .description("Remove an unused image")
    .argument("<image>", "its reference, or the beginning of its id")
    .action(async (wanted: string) => {
      const { api } = await session.client();
      const only = pickImage((await api.images.cached()).items, wanted);
      const { freedBytes } = await api.images.remove({ id: only.id });
      session.print(`Removed: ${only.reference} (${formatBytes(freedBytes)} freed)`);
    });
  image
    .command("prune")
    .description("Remove every unused image")
    .action(async () => {
      const { api } = await session.client();
      const { removed, freedBytes } = await api.images.prune();
      const count = removed.length === 1 ? "1 image" : `${removed.length} images`;
      session.print(`Removed ${count} (${formatBytes(freedBytes)} freed)`);
    });
}

/** The one of this reference, else the one whose id begins so. Throws `not-found`, also where several do. Pure. */
export function pickImage(items: readonly CachedImage[], wanted: string): CachedImage {
  const named = items.filter((item) => item.reference === wanted);
  const fitting = named.length > 0 ? named : items.filter((item) => item.id.startsWith(wanted));
  const [only] = fitting;
  if (only && fitting.length === 1) return only;
  const reason = only ? "it fits several images" : "no image fits";
  throw new EngineError("not-found", `cannot remove ${wanted}: ${reason}`, {
    hint: "`berth image list` shows them; give more of the id.",
  });
}
