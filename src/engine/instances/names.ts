/** Names for instances that were given none: an adjective and a noun. Pure but for the chance that is passed in. */
import { EngineError } from "../../base/errors.ts";

const ADJECTIVES =
  "able amber brave breezy bright calm candid clear clever cosy crisp daring deft eager early fair fleet fond frank free fresh gentle glad golden grand hardy hearty honest jolly keen kind lively loyal lucid lucky mellow merry mild modest neat nimble noble patient plucky polite proud quick quiet rapid ready robust rosy serene sharp silver smooth snug sound spry steady sunny swift tidy true upbeat vivid warm wise witty".split(
    " ",
  );

const NOUNS =
  "anchor atoll barge bay beacon bollard bowsprit breeze brig buoy canoe cape capstan cargo clipper coast coral cove crane current cutter deck delta dinghy dock dolphin dory estuary ferry fjord galley gannet grebe gull harbour haven heron inlet island jetty kayak keel ketch lagoon lantern lugger marina mast oar otter pelican petrel pier pilot plover quay raft reef rudder sail schooner seal shoal skiff sloop sound spinnaker strait tender tern tide tiller trawler wharf yacht yawl".split(
    " ",
  );

const TRIES = 64;

/** A name that is not taken; `draw(n)` gives a whole number in [0, n). Falls back to a numbered name when unlucky. */
export function generateName(isTaken: (name: string) => boolean, draw: (below: number) => number): string {
  let name = "";
  for (let i = 0; i < TRIES; i += 1) {
    name = `${ADJECTIVES[draw(ADJECTIVES.length)]}-${NOUNS[draw(NOUNS.length)]}`;
    if (!isTaken(name)) return name;
  }
  for (let i = 2; i < 1_000_000; i += 1) {
    if (!isTaken(`${name}-${i}`)) return `${name}-${i}`;
  }
  throw new EngineError("no-resources", "cannot name the instance: every name is taken", {
    hint: "Give a name.",
  });
}
