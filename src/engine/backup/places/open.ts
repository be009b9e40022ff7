/** A place by its address and what else opens it. */
import type { PlaceAccess } from "../../../api/backup.ts";
import { EngineError } from "../../../base/errors.ts";
import { hostPlatform } from "../../../base/paths.ts";
import { Secret } from "../../../base/secret.ts";
import { formatAddress, type PlaceAddress, parseAddress } from "./address.ts";
import { FolderPlace } from "./folder.ts";
import type { Place } from "./place.ts";
import { RestPlace } from "./rest.ts";
import { PATIENCE, type Patience } from "./retry.ts";
import { S3Place } from "./s3.ts";
import { SftpPlace } from "./sftp.ts";

/** What was typed, apart: the address as it is kept, and what opens it. Throws where it cannot be meant so. */
export function parsePlace(typed: string, access: PlaceAccess): { place: string; access: PlaceAccess } {
  const { address, password } = parseAddress(typed, hostPlatform());
  const whole = { ...(password ? { password: password.reveal() } : {}), ...access };
  const place = formatAddress(address);
  opened(address, whole).dispose();
  return { place, access: whole };
}

/** The caller disposes of it. */
export function placeAt(place: string, access: PlaceAccess, patience: Patience): Place {
  return opened(parseAddress(place, hostPlatform()).address, access, patience);
}

function opened(address: PlaceAddress, access: PlaceAccess, patience: Patience = PATIENCE): Place {
  const { ca, fingerprint, region } = access;
  switch (address.kind) {
    case "folder":
      return new FolderPlace(address.path);
    case "sftp":
      return new SftpPlace(address, { patience });
    case "rest":
      return new RestPlace(address, { ca, fingerprint, patience, password: secretOf(access.password) });
    case "s3":
      return new S3Place(address, { keys: s3Keys(access), ca, fingerprint, patience, region });
  }
}

function s3Keys({ accessKeyId, secretAccessKey, sessionToken }: PlaceAccess) {
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new EngineError("invalid-argument", "cannot use an S3 bucket without keys", {
      hint: "Give its access key's id and its secret.",
    });
  return {
    ...{ accessKeyId, secretAccessKey: new Secret(secretAccessKey) },
    sessionToken: secretOf(sessionToken),
  };
}

function secretOf(text: string | undefined): Secret | undefined {
  return text === undefined ? undefined : new Secret(text);
}
