/** A guest's serial port as QEMU has it: one connection at a time, and a log of all that is printed. */
import { appendFileSync, writeFileSync } from "node:fs";
import { Duplex } from "node:stream";

/** Asks for a login, and says what it is told; at Enter it asks again. */
export class FakeSerial {
  readonly #prompt: string;
  readonly #log: string;
  #connection: Duplex | undefined;
  /** How often somebody has connected while somebody else was. */
  collisions = 0;

  constructor(name: string, log: string, append: boolean) {
    this.#prompt = `\r\n${name} login: `;
    this.#log = log;
    writeFileSync(log, append ? "" : `Booting ${name}\r\n`, { flag: append ? "a" : "w" });
    this.print(this.#prompt);
  }

  print(text: string): void {
    this.#connection?.push(text);
    appendFileSync(this.#log, text);
  }

  connect(): Duplex {
    if (this.#connection) this.collisions += 1;
    const connection = new Duplex({
      read: () => {},
      write: (bytes: Buffer, _encoding, done) => {
        this.print(bytes.toString("latin1").replaceAll("\r", this.#prompt));
        done();
      },
      destroy: (error, done) => {
        if (this.#connection === connection) this.#connection = undefined;
        done(error);
      },
    });
    this.#connection = connection;
    return connection;
  }

  /** The connection is lost, or the guest has ended. */
  hangUp(): void {
    this.#connection?.destroy();
  }
}
