import ssh2 from "ssh2";
import { expect, test } from "vitest";
import { generateKeyPair, keyBlob } from "../../../../src/engine/guest/keys.ts";

/** Of so many, about eight begin with a zero. */
const PAIRS = 2000;
/** The lengths of its two parts, `ssh-ed25519`, and a point. */
const BLOB_BYTES = 4 + 11 + 4 + 32;

test("every key pair can be read again, one whose public key begins with a zero, too", async () => {
  for (let made = 0; made < PAIRS; made += 1) {
    const { privateKey, publicKey } = await generateKeyPair("someone");
    expect(keyBlob(publicKey)).toHaveLength(BLOB_BYTES);
    for (const key of [privateKey, publicKey]) expect(ssh2.utils.parseKey(key)).not.toBeInstanceOf(Error);
    expect(publicKey.endsWith(" someone")).toBe(true);
  }
});
