/** A guest that is used by its screen: nothing of ours is in it, so nothing can be asked of it. */
import { EngineError } from "../../base/errors.ts";
import type { GuestAccess } from "./guest.ts";

export function createScreenGuest(name: string, screen: string | undefined): GuestAccess {
  const refuse = (code: "not-supported" | "guest-unreachable") =>
    new EngineError(code, `cannot reach into ${name}: it has no cloud-init, so Berth has no login in it`, {
      hint:
        screen === undefined
          ? "It is used by its screen."
          : `It is used by its screen: connect a VNC viewer to the Unix socket ${screen}`,
    });
  return {
    // It runs; more cannot be known.
    waitReady: async () => ({ cloudInit: "absent", errors: [] }),
    exec: async () => {
      throw refuse("not-supported");
    },
    connect: async () => {
      throw refuse("not-supported");
    },
    sftp: async () => {
      throw refuse("not-supported");
    },
    details: async () => {
      throw refuse("guest-unreachable");
    },
    cloudInitLog: async () => {
      throw refuse("not-supported");
    },
    dispose: () => {},
  };
}
