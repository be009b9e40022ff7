/** ssh-proxy: this process's standard input and output, joined to a guest's SSH server; what it says is on stderr. */
import { pipeline } from "node:stream/promises";
import type { Instance } from "../api/instance.ts";
import { EngineError } from "../base/errors.ts";
import { instanceOfAlias } from "../base/ssh-alias.ts";
import type { Session } from "./session.ts";

const SSH_PORT = 22;

/** Starts the instance where it is stopped or suspended. Resolves when the connection has ended. */
export async function proxy(session: Session, name: string): Promise<void> {
  const { signal } = session;
  const client = await session.client();
  const instance = await makeRunning(session, name);
  const connection = await client.tunnel(instance.name, { port: SSH_PORT }, { signal });
  const { stdin, stdout } = session.io;
  connection.stdin.on("error", () => {}); // The guest may end it first; its exit tells.
  stdin.pipe(connection.stdin);
  try {
    await pipeline(connection.stdout, stdout, { end: false });
    await connection.exited;
  } finally {
    stdin.unpipe(connection.stdin);
    stdin.pause();
    connection.close();
  }
}

/** Its guest may still boot: the engine's stream waits for the SSH server. */
async function makeRunning(session: Session, name: string): Promise<Instance> {
  const instance = await find(session, name);
  const { operation, state } = instance;
  if (state === "running") return instance;
  if (state === "deleted") {
    throw new EngineError("wrong-state", `cannot connect to ${instance.name}: it is in the trash`, {
      hint: `Take it out first: berth recover ${instance.name}`,
    });
  }
  if (operation !== undefined) {
    session.note(`${instance.name} is ${state}; waiting for it…`);
    await session.follow(operation);
    return makeRunning(session, instance.name);
  }
  await session.operate((api) => api.instances.start({ name: instance.name }));
  return instance;
}

async function find(session: Session, name: string): Promise<Instance> {
  const { api } = await session.client();
  const { items } = await api.instances.list();
  const alive = items.filter(({ state }) => state !== "deleted");
  const found = instanceOfAlias(name, alive) ?? instanceOfAlias(name, items);
  if (found) return found;
  throw new EngineError("not-found", `cannot connect to ${name}: there is no such instance`, {
    hint: "berth list shows all instances.",
  });
}
