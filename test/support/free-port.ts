/** Ports of this computer's own, for servers that cannot be told to take any. */
import { once } from "node:events";
import net, { createServer } from "node:net";

/** One that nobody listens at now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** Resolves when somebody listens there. */
export async function connectable(port: number): Promise<void> {
  const socket = net.connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.destroy();
}
