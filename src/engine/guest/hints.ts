/** How what a guest says is seen that does not answer; for the end of a hint. */
export function howToLook(name: string): string {
  return `berth console ${name}, or berth log ${name}`;
}
