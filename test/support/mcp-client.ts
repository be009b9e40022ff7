/** The MCP SDK's own client, speaking to `berth mcp` over its standard input and output. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import {
  type CallToolResult,
  ElicitRequestSchema,
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import type { Berth } from "./berth.ts";

export type Answer = { text: string; failed: boolean };

type Options = {
  args?: readonly string[];
  /** Answers the questions to the user; left out, the client cannot ask any. */
  asked?: (question: string) => "accept" | "decline" | "cancel";
};

export class McpClient {
  readonly client: Client;
  /** `list`, or the URI of what was updated, in the order in which it was told. */
  readonly notified: string[] = [];

  private constructor({ asked }: Options) {
    const capabilities = asked ? { elicitation: {} } : {};
    this.client = new Client({ name: "test", version: "1" }, { capabilities });
    if (asked)
      this.client.setRequestHandler(ElicitRequestSchema, ({ params }) => ({
        action: asked(params.message),
        content: {},
      }));
    this.client.setNotificationHandler(ResourceListChangedNotificationSchema, () => {
      this.notified.push("list");
    });
    this.client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
      this.notified.push(params.uri);
    });
  }

  static async open(berth: Berth, options: Options = {}): Promise<McpClient> {
    const [command = "", ...argv] = berth.argv;
    const args = [...argv, "mcp", ...(options.args ?? [])];
    const transport = new StdioClientTransport({ command, args, env: berth.env, stderr: "inherit" });
    const made = new McpClient(options);
    await made.client.connect(transport);
    return made;
  }

  /** Calls a tool; a failure is an answer, too. */
  async call(
    name: string,
    input: Record<string, unknown> = {},
    options: {
      signal?: AbortSignal;
      timeout?: number;
      onprogress?: (progress: { message?: string }) => void;
    } = {},
  ): Promise<Answer> {
    const result = (await this.client.callTool({ name, arguments: input }, undefined, {
      timeout: 120_000,
      ...options,
    } as object)) as CallToolResult;
    const text = result.content.map((part) => (part.type === "text" ? part.text : "")).join("");
    return { text, failed: result.isError === true };
  }

  /** Calls it and expects it not to fail. */
  async ok(
    name: string,
    input: Record<string, unknown> = {},
    options: { timeout?: number } = {},
  ): Promise<string> {
    const { text, failed } = await this.call(name, input, options);
    if (failed) throw new Error(`${name}: ${text}`);
    return text;
  }

  close(): Promise<void> {
    return this.client.close();
  }
}
