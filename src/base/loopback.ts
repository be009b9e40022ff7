/** The address of this host that is an instance's alone: 127 and the last three parts of the instance's own. Pure. */
export function loopbackOf(address: string): string {
  return address.replace(/^\d+/, "127");
}
