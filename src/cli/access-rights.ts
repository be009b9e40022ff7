/** access: who may use the engine, and what each may do. */
import { type Command, InvalidArgumentError } from "commander";
import type { Grant, Grantee, KeptGrant, NewToken, Privilege } from "../api/access.ts";
import {
  formatGrants,
  formatGroups,
  formatMyself,
  formatRoles,
  formatTokens,
  formatUsers,
} from "./access-formats.ts";
import type { Format } from "./format.ts";
import { formatOption, wholeNumber } from "./options.ts";
import type { Session } from "./session.ts";

type Shown = { format: Format };

export function addRightsCommands(program: Command, session: Session): void {
  const access = program.command("access").description("Look after who may use this engine, and for what");
  listing(access, "me", "Show who I am to the engine, and what I may do", async ({ format }) => {
    const { api } = await session.client();
    session.print(formatMyself(await api.access.me(), format));
  });
  addUserCommands(access, session);
  addGroupCommands(access, session);
  addRoleCommands(access, session);
  addGrantCommands(access, session);
  addTokenCommands(access, session);
}

function listing(
  group: Command,
  name: string,
  description: string,
  action: (options: Shown) => Promise<void>,
): Command {
  return formatOption(group.command(name).description(description)).action(action);
}

function addUserCommands(access: Command, session: Session): void {
  const user = access.command("user").description("Users");
  listing(user, "list", "List users", async ({ format }) => {
    const { api } = await session.client();
    session.print(formatUsers((await api.access.users()).items, format));
  }).alias("ls");
  user
    .command("add")
    .description("Add users, who may nothing yet")
    .argument("<names...>")
    .action(async (names: string[]) => {
      const { api } = await session.client();
      for (const name of names) await api.access.addUser({ name });
      session.print(`Added: ${names.join(", ")}`);
    });
  user
    .command("remove")
    .alias("rm")
    .description("Remove users with all grants and tokens; what they have open ends")
    .argument("<names...>")
    .action(async (names: string[]) => {
      const { api } = await session.client();
      for (const name of names) await api.access.removeUser({ name });
      session.print(`Removed: ${names.join(", ")}`);
    });
}

function addGroupCommands(access: Command, session: Session): void {
  const group = access.command("group").description("Groups of users");
  listing(group, "list", "List groups", async ({ format }) => {
    const { api } = await session.client();
    session.print(formatGroups((await api.access.groups()).items, format));
  }).alias("ls");
  group
    .command("set")
    .description("Make a group of these users, and of no others")
    .argument("<name>")
    .argument("[members...]")
    .action(async (name: string, members: string[]) => {
      const { api } = await session.client();
      await api.access.setGroup({ name, members });
      session.print(`Set: ${name}`);
    });
  group
    .command("remove")
    .alias("rm")
    .description("Remove a group with its grants")
    .argument("<name>")
    .action(async (name: string) => {
      const { api } = await session.client();
      await api.access.removeGroup({ name });
      session.print(`Removed: ${name}`);
    });
}

function addRoleCommands(access: Command, session: Session): void {
  const role = access.command("role").description("Roles: named sets of privileges");
  listing(role, "list", "List roles and what they hold", async ({ format }) => {
    const { api } = await session.client();
    session.print(formatRoles((await api.access.roles()).items, format));
  }).alias("ls");
  role
    .command("set")
    .description("Make a role of these privileges, and of no others")
    .argument("<name>")
    .argument("<privileges...>", "such as instance.view; berth access role list shows all in admin")
    .action(async (name: string, privileges: string[]) => {
      const { api } = await session.client();
      await api.access.setRole({ name, privileges: privileges as Privilege[] }); // The engine knows them all.
      session.print(`Set: ${name}`);
    });
  role
    .command("remove")
    .alias("rm")
    .description("Remove a role of your own")
    .argument("<name>")
    .action(async (name: string) => {
      const { api } = await session.client();
      await api.access.removeRole({ name });
      session.print(`Removed: ${name}`);
    });
}

function addGrantCommands(access: Command, session: Session): void {
  listing(access, "grants", "List what is granted and denied", async ({ format }) => {
    const { api } = await session.client();
    session.print(formatGrants((await api.access.grants()).items, format));
  });
  const give = async (who: string, may: string, path: string, deny: boolean) => {
    const { api } = await session.client();
    await api.access.grant(grantOf(who, may, path, deny));
    session.print(`${deny ? "Denied" : "Granted"}: ${may} on ${path} to ${who}`);
  };
  grantCommand(access, "grant", "Grant a role or a privilege on a path and all beneath it").action(
    (who: string, may: string, path: string) => give(who, may, path, false),
  );
  grantCommand(access, "deny", "Deny a role or a privilege there, whatever else is granted").action(
    (who: string, may: string, path: string) => give(who, may, path, true),
  );
  grantCommand(access, "revoke", "Take a grant back, or a denial; what was open by it ends")
    .option("--deny", "the denial, and not the grant")
    .action(async (who: string, may: string, path: string, { deny = false }: { deny?: boolean }) => {
      const { api } = await session.client();
      await api.access.revoke(grantOf(who, may, path, deny));
      session.print(`Taken back: ${may} on ${path} from ${who}`);
    });
}

function grantCommand(access: Command, name: string, description: string): Command {
  return access
    .command(name)
    .description(description)
    .argument("<who>", "a user, or group:NAME")
    .argument("<role>", "a role, or a privilege such as instance.exec")
    .argument(
      "<path>",
      "/, /system, /images, /repositories/NAME, /projects/NAME, /projects/NAME/instances/NAME",
    );
}

function addTokenCommands(access: Command, session: Session): void {
  const token = access.command("token").description("API tokens: what stands for a user in a program");
  listing(token, "list", "List tokens", async ({ format }) => {
    const { api } = await session.client();
    session.print(formatTokens((await api.access.tokens()).items, format));
  }).alias("ls");
  token
    .command("add")
    .description("Make a token, and print it: it is not shown again")
    .argument("<name>", "what it is for")
    .option("--user <name>", "whose; your own when left out")
    .option("--days <number>", "how long it is good; 30 when left out", wholeNumber("days"))
    .option("--limit <role@path>", "it may no more than this; may be repeated", limits)
    .action(async (name: string, { user, days, limit }: TokenOptions) => {
      const { api } = await session.client();
      const wanted: NewToken = {
        name,
        ...(user ? { user } : {}),
        ...(days ? { days } : {}),
        ...(limit ? { limit } : {}),
      };
      const made = await api.access.addToken(wanted);
      session.note(
        `Good until ${made.expiresAt}. Give it as BERTH_TOKEN, or as a bearer token; it is not shown again.`,
      );
      session.print(made.token);
    });
  token
    .command("remove")
    .alias("rm")
    .description("Take tokens back; what they have opened ends")
    .argument("<ids...>")
    .action(async (ids: string[]) => {
      const { api } = await session.client();
      for (const id of ids) await api.access.removeToken({ id });
      session.print(`Removed: ${ids.join(", ")}`);
    });
}

type TokenOptions = { user?: string; days?: number; limit?: Grant[] };

/** Pure. */
export function grantOf(who: string, may: string, path: string, deny: boolean): KeptGrant {
  return { to: granteeOf(who), may: may as Privilege, path, deny }; // The engine knows them all.
}

function granteeOf(who: string): Grantee {
  const [, group] = /^group:(.+)$/.exec(who) ?? [];
  return group === undefined ? { kind: "user", name: who } : { kind: "group", name: group };
}

function limits(text: string, before: Grant[] = []): Grant[] {
  const [, may, path] = /^([^@]+)@(\/.*)$/.exec(text) ?? [];
  if (may === undefined || path === undefined)
    throw new InvalidArgumentError(`${text} is not of the form ROLE@PATH, such as user@/projects/web.`);
  return [...before, { may: may as Privilege, path, deny: false }];
}
