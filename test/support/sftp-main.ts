/** Our SFTP server on this process's pipes, for a real SFTP client to start. Argument: the shared directory. */
import { serveSftp } from "../../src/engine/guest/sftp/server.ts";
import { SharedDirectory } from "../../src/engine/guest/sftp/shared-directory.ts";

const directory = await SharedDirectory.open(process.argv[2] ?? "");
const { signal } = new AbortController();
await serveSftp({ stdin: process.stdout, stdout: process.stdin }, directory, { uids: [], gids: [], signal });
