/** Bytes as they pass, told to whoever counts them. */
export async function* counted(
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  told: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const part of bytes) {
    told(part.length);
    yield part;
  }
}
