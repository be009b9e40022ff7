/** Multipass's wording of a failure: only the reason, and the sentences that scripts look for. Pure. */
import type { CommanderError } from "commander";
import type { ErrorBody } from "../../base/errors.ts";
import { unknownCommand } from "./program.ts";

/** `cannot start web: instance "web" does not exist` is the latter half here. */
export function multipassMessage({ code, message, hint, details }: Told): string {
  const failures = details?.["failures"];
  if (Array.isArray(failures)) {
    const lines = (failures as Told[]).map(multipassMessage);
    return ["The following errors occurred:", ...lines].join("\n");
  }
  const image = /^cannot find image (.+?): /.exec(message)?.[1];
  if (code === "not-found" && image) return `Unable to find an image matching "${image}"`;
  const reason = /^cannot [^:]*?: (.*)$/s.exec(message)?.[1] ?? message;
  if (reason === "it can only be enlarged") return "Disk can only be expanded";
  const [, verb, name] = /^cannot (\S+) (?:(?:in|the \S+ of|of) )?([A-Za-z0-9-]+)/.exec(message) ?? [];
  const said = verb && name ? sentence(verb, name, reason) : undefined;
  if (said) return said;
  // Multipass has no way out of this; ours works under its name, too.
  if (details?.["cold"] === true && hint)
    return `${reason}\n${hint.replace("berth start", "multipass start")}`;
  return code === "missing-dependency" && hint ? `${reason}\n${hint}` : reason;
}

type Told = Pick<ErrorBody, "code" | "message"> & {
  hint?: string | undefined;
  details?: ErrorBody["details"];
};

/** What Multipass says where the engine names a state. */
function sentence(verb: string, name: string, reason: string): string | undefined {
  if (reason === "it is deleted" || reason.startsWith("it is in the trash"))
    return `Instance '${name}' is deleted. Use 'recover' to recover it or 'purge' to permanently delete it.`;
  if (reason === "it is not running") return `instance "${name}" is not running`;
  if (reason === "mounts are disabled")
    return "Mounts are disabled on this installation of Multipass.\n\nTo enable them: multipass set local.privileged-mounts=true";
  if (!/^it (is|runs)\b/.test(reason)) return undefined;
  if (verb === "restore") return "Multipass can only restore snapshots of stopped instances.";
  if (verb === "clone") return "Multipass can only clone stopped instances.";
  if (verb === "snapshot") return "Multipass can only take snapshots of stopped instances.";
  if (["configure", "change", "update", "resize", "set"].includes(verb))
    return `Cannot update instance settings; instance: ${name}; reason: Instance must be stopped for modification`;
  return undefined;
}

/** What stands on the command line and cannot be read, in the words of Qt's parser. */
export function multipassUsage({ code, message }: CommanderError): string {
  const quoted = /'([^']*)'/.exec(message)?.[1] ?? "";
  const option = (/(--?[^\s,<|]+)[^-]*$/.exec(quoted)?.[1] ?? quoted).replace(/^-+/, "");
  if (code === "commander.unknownCommand") return unknownCommand(quoted);
  if (code === "commander.unknownOption") return `Unknown option '${option}'.`;
  if (code === "commander.optionMissingArgument") return `Missing value after '${quoted}'.`;
  if (code === "commander.excessArguments") return "Too many arguments supplied";
  if (code === "commander.missingArgument") return "Wrong number of arguments";
  if (code === "commander.invalidArgument" && message.includes("--format"))
    return "Invalid format type given.";
  return message
    .replace(/^error: (?:option '[^']*' )?argument '[^']*' is invalid\. /, "error: ")
    .replace(/\.$/, "");
}
