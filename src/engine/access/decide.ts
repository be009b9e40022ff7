/** Whether grants allow something. Pure: the whole rule of access is here. */
import type { Grant, Privilege } from "../../api/access.ts";
import type { Roles } from "./roles.ts";

/** Whether `inner` is `outer`, or lies beneath it: by whole names, never by their beginnings. */
export function covers(outer: string, inner: string): boolean {
  return outer === "/" || inner === outer || inner.startsWith(`${outer}/`);
}

/** Whether a role or a single privilege, as a grant names it, holds this one. An unknown role holds nothing. */
export function holds(may: string, privilege: Privilege, roles: Roles): boolean {
  return may === privilege || roles.get(may)?.has(privilege) === true;
}

/** What is granted on a path holds beneath it; what is denied anywhere on the way is denied, whatever else is granted. */
export function decide(privilege: Privilege, path: string, grants: readonly Grant[], roles: Roles): boolean {
  const about = grants.filter((grant) => covers(grant.path, path) && holds(grant.may, privilege, roles));
  return about.length > 0 && !about.some(({ deny }) => deny);
}

/** Whether all of these sets allow it on any path at all: what is denied on one may be allowed on another. */
export function decideAnywhere(
  privilege: Privilege,
  sets: readonly (readonly Grant[])[],
  roles: Roles,
): boolean {
  const paths = new Set(sets.flat().map(({ path }) => path));
  return [...paths].some((path) => sets.every((grants) => decide(privilege, path, grants, roles)));
}
