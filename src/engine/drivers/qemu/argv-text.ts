/** In QEMU's option lists a comma ends a value unless it is doubled. Pure. */
export function escaped(value: string): string {
  return value.replaceAll(",", ",,");
}
