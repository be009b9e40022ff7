/** A process with an engine over fakes that launches, stops, deletes and purges until it is killed. */
import { ended, FakeWorld } from "./fake-engine.ts";

const world = FakeWorld.at(process.argv[2] ?? "");
const engine = await world.open();
const { instances } = engine;
for (const operation of engine.operations.list()) await ended(engine, operation);
process.stdout.write("ready\n");

for (let round = 0; ; round += 1) {
  const name = `n${process.pid}-${round}`;
  const kept = `k${process.pid}-${round}`;
  await Promise.all(
    [name, kept].map(async (one) => {
      await ended(engine, instances.launch({ name: one }));
      await ended(engine, instances.delete(one, { purge: false }));
    }),
  );
  await ended(engine, instances.recover(kept));
  await ended(engine, instances.purge(name));
  process.stdout.write(`kept ${kept}\n`);
}
