/**
 * The names under which OpenSSH knows instances: `web.berth`. Lower case, because editors and ssh lower a host's name
 * before they look it up. Pure.
 */

export const ALIAS_SUFFIX = ".berth";

type Named = { readonly id: string; readonly name: string };

/**
 * The alias of each instance, by id. Where names differ in case only, the one in lower case has the plain alias, and
 * the others have a part of their id in theirs.
 */
export function sshAliases(instances: readonly Named[]): Map<string, string> {
  const lower = (one: Named) => one.name.toLowerCase();
  const count = new Map<string, number>();
  for (const one of instances) count.set(lower(one), (count.get(lower(one)) ?? 0) + 1);
  const plain = (one: Named) => one.name === lower(one) || count.get(lower(one)) === 1;
  return new Map(
    instances.map((one) => [
      one.id,
      `${plain(one) ? lower(one) : `${lower(one)}-${one.id.slice(0, 8)}`}${ALIAS_SUFFIX}`,
    ]),
  );
}

/** Whom a name given to ssh means: an alias with or without its suffix, else an instance's own name. */
export function instanceOfAlias<T extends Named>(text: string, instances: readonly T[]): T | undefined {
  const wanted = text.toLowerCase().replace(/\.berth$/, "");
  const aliases = sshAliases(instances);
  const byAlias = instances.find((one) => aliases.get(one.id) === `${wanted}${ALIAS_SUFFIX}`);
  const exact = instances.find((one) => one.name === text);
  return text.toLowerCase().endsWith(ALIAS_SUFFIX) ? byAlias : (exact ?? byAlias);
}
