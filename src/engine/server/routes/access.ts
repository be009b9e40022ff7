import { AccessWork } from "../../access/access-work.ts";
import type { EngineCore } from "../../engine-core.ts";
import { os } from "./base.ts";

export function accessRoutes({ passphrase, access }: EngineCore) {
  const at = os.access;
  return {
    passphrase: at.passphrase.handler(() => ({ isSet: passphrase.isSet })),
    setPassphrase: at.setPassphrase.handler(({ input }) => done(passphrase.set(input.passphrase))),
    authenticate: at.authenticate.handler(({ input }) => done(passphrase.verify(input.passphrase))),
    ...peopleRoutes(new AccessWork(access)),
  };
}

function peopleRoutes(work: AccessWork) {
  const at = os.access;
  return {
    me: at.me.handler(({ context }) => work.me(context.principal)),
    users: at.users.handler(() => ({ items: work.users() })),
    addUser: at.addUser.handler(({ input }) => done(work.addUser(input.name))),
    removeUser: at.removeUser.handler(({ input }) => done(work.removeUser(input.name))),
    groups: at.groups.handler(() => ({ items: work.groups() })),
    setGroup: at.setGroup.handler(({ input }) => done(work.setGroup(input))),
    removeGroup: at.removeGroup.handler(({ input }) => done(work.removeGroup(input.name))),
    roles: at.roles.handler(() => ({ items: work.roles() })),
    setRole: at.setRole.handler(({ input }) => done(work.setRole(input.name, input.privileges))),
    removeRole: at.removeRole.handler(({ input }) => done(work.removeRole(input.name))),
    grants: at.grants.handler(({ context }) => ({ items: work.grants(context.principal) })),
    grant: at.grant.handler(({ input, context }) => done(work.grant(context.principal, input))),
    revoke: at.revoke.handler(({ input, context }) => done(work.revoke(context.principal, input))),
    tokens: at.tokens.handler(({ context }) => ({ items: work.tokens(context.principal) })),
    addToken: at.addToken.handler(({ input, context }) => work.addToken(context.principal, input)),
    removeToken: at.removeToken.handler(({ input, context }) =>
      done(work.removeToken(context.principal, input.id)),
    ),
  };
}

async function done(work: Promise<void>): Promise<Record<string, never>> {
  await work;
  return {};
}
