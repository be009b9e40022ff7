/** What terminals that are only read show: the logs of a container, and what a build or compose prints. No vscode. */
import type { ForeignContainer } from "../api/foreign-container.ts";
import type { BuildOpen, ComposeOpen } from "../api/streams.ts";
import type { EngineClient } from "../client/engine-client.ts";
import { l10n } from "./l10n.ts";
import type { OutputTerminalOptions } from "./output-terminal.ts";

/** As many lines as a terminal keeps by itself. */
const TAIL_LINES = 1000;

type Client = () => Promise<EngineClient>;

/** What the program of a container prints, until its run ends. */
export function logsOf(instance: string, client: Client): OutputTerminalOptions {
  return {
    ...{ subject: `logs ${instance}`, client, doing: `read the logs of ${instance}` },
    open: (engine, signal) => engine.logs(instance, { follow: true, tail: TAIL_LINES }, { signal }),
    ended: l10n.t("{0} prints no more: it has ended.", instance),
    again: l10n.t("A key reads it anew; Ctrl+D closes."),
  };
}

/** The same of a container that others have made. */
export function foreignLogsOf(
  { id, name, runtime }: Pick<ForeignContainer, "id" | "name" | "runtime">,
  client: Client,
): OutputTerminalOptions {
  const open = { container: id, runtime, follow: true, tail: TAIL_LINES };
  return {
    ...logsOf(name, client),
    subject: `logs ${runtime} ${id}`,
    open: (engine, signal) => engine.foreignLogs(open, { signal }),
  };
}

/** What a build prints; to close its terminal ends it. */
export function buildOf(request: BuildOpen & { tags: string[] }, client: Client): OutputTerminalOptions {
  const name = request.tags.join(", ");
  return {
    ...{ subject: `build ${name}`, client, doing: `build ${name}` },
    open: (engine, signal) => engine.build(request, { signal }),
    ended: l10n.t("The image {0} is on this host.", name),
    again: l10n.t("A key builds it anew; Ctrl+D closes."),
  };
}

/** What compose prints; to close its terminal ends it. `done` is called when it has ended, or failed. */
export function composeOf(request: ComposeOpen, client: Client, done: () => void): OutputTerminalOptions {
  const { verb } = request;
  const name = composeName(request);
  return {
    ...{ subject: `compose ${request.runtime} ${name} ${verb}`, client, doing: `bring ${name} ${verb}` },
    open: async (engine, signal) => {
      const run = await engine.compose(request, { signal });
      void run.exited.then(done, done);
      return run;
    },
    ended: verb === "up" ? l10n.t("{0} is up.", name) : l10n.t("{0} is down.", name),
    again: l10n.t("A key does it again; Ctrl+D closes."),
  };
}

/** What a user knows it by. */
export function composeName({ project, directory, files = [] }: ComposeOpen): string {
  const place = project ?? files[0] ?? directory ?? "";
  return place.split(/[\\/]/).at(-1) ?? place;
}
