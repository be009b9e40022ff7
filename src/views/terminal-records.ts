/** Which shells a window shows, as it is remembered for the time after a reload. Pure. */

export type TerminalRecord = {
  /** Of the session. */
  readonly id: string;
  /** Id of the instance, which may be called otherwise by then. */
  readonly instance: string;
  /** Its terminal is the one that was shown last. */
  readonly isActive?: true;
};

/** What another version may have left there is nothing. */
export function readRecords(stored: unknown): TerminalRecord[] {
  if (!Array.isArray(stored)) return [];
  const isText = (value: unknown) => typeof value === "string" && value !== "";
  return stored.filter(
    (one: Partial<TerminalRecord> | null) =>
      typeof one === "object" && one !== null && isText(one.id) && isText(one.instance),
  );
}

/** With the session of one terminal in the place of the one that it showed before. */
export function replaced(
  records: readonly TerminalRecord[],
  before: string | undefined,
  now: TerminalRecord | undefined,
): TerminalRecord[] {
  const isKnown = records.some(({ id }) => id === before);
  if (!isKnown) return now ? [...records, now] : [...records];
  return records.flatMap((one) => (one.id === before ? (now ?? []) : one));
}

export function withActive(records: readonly TerminalRecord[], active: string): TerminalRecord[] {
  return records.map(({ id, instance }) => ({ id, instance, ...(id === active ? { isActive: true } : {}) }));
}
