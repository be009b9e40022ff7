/** repository passwd, repository keys: what opens a repository. */
import type { Command } from "commander";
import type { RepositoryKey } from "../api/backup.ts";
import { firstLine } from "./first-line.ts";
import { type Format, json, table } from "./format.ts";
import { formatOption } from "./options.ts";
import { askSecret } from "./question.ts";
import type { Session } from "./session.ts";

type From = { passwordFile?: string };

const FILE = [
  "--password-file <file>",
  "take it from the first line of a file, - for standard input",
] as const;

export function addRepositoryKeyCommands(repository: Command, session: Session): void {
  repository
    .command("passwd")
    .description("Give a repository another password, which is drawn; its kit has it")
    .argument("<name>")
    .option(...FILE)
    .action(async (name: string, { passwordFile }: From) => {
      const { api } = await session.client();
      const password =
        passwordFile === undefined ? {} : { password: await firstLine(session, passwordFile, "a password") };
      await api.repositories.changePassword({ name, ...password });
      session.print(`Changed: ${name}. Its kit: berth repository kit ${name}`);
    });
  const keys = repository.command("keys").description("Other passwords that open a repository");
  formatOption(keys.command("list").alias("ls").description("List them").argument("<name>")).action(
    async (name: string, { format }: { format: Format }) => {
      const { api } = await session.client();
      session.print(formatKeys((await api.repositories.keys({ name })).items, format));
    },
  );
  keys
    .command("add")
    .description("Another one")
    .argument("<name>")
    .option(...FILE)
    .action(async (name: string, { passwordFile }: From) => {
      const { api } = await session.client();
      const password =
        passwordFile === undefined
          ? await askSecret(session, "Please enter the new password: ")
          : await firstLine(session, passwordFile, "a password");
      await api.repositories.addKey({ name, password });
      session.print(`Added a password to ${name}`);
    });
  keys
    .command("remove")
    .alias("rm")
    .description("One of them opens it no more")
    .argument("<name>")
    .argument("<key>", "the beginning of its id")
    .action(async (name: string, key: string) => {
      const { api } = await session.client();
      await api.repositories.removeKey({ name, key });
      session.print(`Removed a password of ${name}`);
    });
}

/** Pure. */
function formatKeys(items: readonly RepositoryKey[], format: Format): string {
  if (format === "json") return json({ keys: items });
  return table(
    ["Id", "Made", "By", "Note"],
    items.map(({ id, createdAt, madeBy, isOwn }) => [
      ...[id.slice(0, 8), createdAt.slice(0, 16).replace("T", " "), madeBy],
      isOwn ? "the engine's" : "--",
    ]),
  );
}
