/** Who may use the engine, and what each may do. Its owner always may everything. */
import * as z from "zod";
import {
  AccessGroup,
  AccessName,
  AccessRole,
  AccessUser,
  ApiToken,
  KeptGrant,
  Myself,
  NewToken,
  Privilege,
  RoleName,
} from "../access.ts";
import { ByName, List, procedure } from "./procedure.ts";

const Passphrase = z.string().max(1024);
const Nothing = z.object({});

const passphrase = {
  passphrase: procedure(
    "GET",
    "/v1/access/passphrase",
    "system.view",
    "*",
    "Whether a passphrase is set",
  ).output(z.object({ isSet: z.boolean() })),
  setPassphrase: procedure(
    "PUT",
    "/v1/access/passphrase",
    "system.config",
    "/system",
    "Set the passphrase that clients authenticate with; an empty one takes it away",
  )
    .input(z.object({ passphrase: Passphrase }))
    .output(Nothing),
  authenticate: procedure(
    "POST",
    "/v1/access/authenticate",
    "system.config",
    "/system",
    "Prove to know the passphrase",
  )
    .input(z.object({ passphrase: Passphrase.min(1) }))
    .output(Nothing),
};

const people = {
  users: procedure(
    "GET",
    "/v1/access/users",
    "access.delegate",
    "*",
    "Those who may be granted something",
  ).output(List(AccessUser)),
  addUser: procedure("POST", "/v1/access/users", "access.admin", "/access", "Add a user, who may nothing yet")
    .input(z.object({ name: AccessName }))
    .output(Nothing),
  removeUser: procedure(
    "DELETE",
    "/v1/access/users/{name}",
    "access.admin",
    "/access",
    "Remove a user with all grants and tokens; what they have open ends",
  )
    .input(ByName)
    .output(Nothing),
  groups: procedure("GET", "/v1/access/groups", "access.delegate", "*", "Groups of users").output(
    List(AccessGroup),
  ),
  setGroup: procedure(
    "PUT",
    "/v1/access/groups/{name}",
    "access.admin",
    "/access",
    "Make a group of these users",
  )
    .input(AccessGroup)
    .output(Nothing),
  removeGroup: procedure("DELETE", "/v1/access/groups/{name}", "access.admin", "/access", "Remove a group")
    .input(ByName)
    .output(Nothing),
};

const rights = {
  me: procedure("GET", "/v1/access/me", "system.view", "*", "Who I am to the engine, and what I may").output(
    Myself,
  ),
  roles: procedure("GET", "/v1/access/roles", "system.view", "*", "Roles and what they hold").output(
    List(AccessRole),
  ),
  setRole: procedure(
    "PUT",
    "/v1/access/roles/{name}",
    "access.admin",
    "/access",
    "Make a role of these privileges",
  )
    .input(z.object({ name: RoleName, privileges: z.array(Privilege).max(100) }))
    .output(Nothing),
  removeRole: procedure(
    "DELETE",
    "/v1/access/roles/{name}",
    "access.admin",
    "/access",
    "Remove a role of one's own",
  )
    .input(ByName)
    .output(Nothing),
  grants: procedure(
    "GET",
    "/v1/access/grants",
    "access.delegate",
    "*",
    "What is granted on what I may grant",
  ).output(List(KeptGrant)),
  grant: procedure(
    "POST",
    "/v1/access/grants",
    "access.delegate",
    "*",
    "Grant a role or a privilege on a path, or deny it; never more than one has there oneself",
  )
    .input(KeptGrant)
    .output(Nothing),
  revoke: procedure(
    "POST",
    "/v1/access/grants/revoke",
    "access.delegate",
    "*",
    "Take a grant or a denial back; what was open by it ends",
  )
    .input(KeptGrant)
    .output(Nothing),
};

const tokens = {
  tokens: procedure(
    "GET",
    "/v1/access/tokens",
    "system.view",
    "*",
    "API tokens: one's own, or of all",
  ).output(List(ApiToken)),
  addToken: procedure(
    "POST",
    "/v1/access/tokens",
    "system.view",
    "*",
    "Make an API token, whose text is told this once",
  )
    .input(NewToken)
    .output(ApiToken.extend({ token: z.string() })),
  removeToken: procedure(
    "DELETE",
    "/v1/access/tokens/{id}",
    "system.view",
    "*",
    "Take an API token back; what it has opened ends",
  )
    .input(z.object({ id: z.string().min(1).max(255) }))
    .output(Nothing),
};

export const access = { ...passphrase, ...people, ...rights, ...tokens };
