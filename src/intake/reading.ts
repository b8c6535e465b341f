/** Reads a request into messages, and checks what its schema cannot: addresses, topics, times, texts, data. */
import { checkTopic } from "../compose/content/content.ts";
import type { AcceptMessage } from "../store/rows.ts";
import { ContentReader } from "./content-reader.ts";
import { isObject } from "../json.ts";
import type { Fields } from "./fields.ts";
import { Place } from "./place.ts";
import type { Surrounding as ContentSurrounding } from "./posted-content.ts";
import type { Problems } from "./problems.ts";
import { RecipientReader } from "./recipients.ts";
import { PRIORITIES } from "./schema.ts";
import type { TemplateShelf } from "./templates.ts";
import { type Surrounding as TimeSurrounding, Times, type When } from "./times.ts";

/** What has to be known to read a request, and is not in it. */
export interface Surroundings extends TimeSurrounding, ContentSurrounding {
  templates: TemplateShelf;
}

/** Turns the fields of one request into messages. */
export class Reading {
  readonly #problems: Problems;
  readonly #times: Times;
  readonly #contents: ContentReader;
  readonly #recipients = new RecipientReader();

  /** Adds what it finds to `problems`. */
  constructor(surroundings: Surroundings, problems: Problems) {
    this.#problems = problems;
    this.#times = new Times(surroundings);
    this.#contents = new ContentReader(surroundings, surroundings.templates);
  }

  /**
   * The messages of a body, in their order. When `problems` counts any, the messages may hold wrong values: use none of
   * them.
   */
  async read(body: Fields): Promise<AcceptMessage[]> {
    const request = new Place(body, this.#problems);
    const usual = this.#times.usual(request);
    const found: AcceptMessage[] = [];
    for (const [index, message] of request.list("messages").entries()) {
      if (this.#problems.isFull) {
        this.#problems.stop();
        break;
      }
      if (isObject(message)) found.push(await this.#message(request.below(message, "messages", index), usual));
    }
    await this.#times.judgePast();
    return found;
  }

  async #message(message: Place, usual: When | null): Promise<AcceptMessage> {
    const { content, template } = await this.#contents.read(message);
    const { emails, data, uuid, uuids } = await this.#recipients.read(message, template);
    const { notBefore, expiresAt, expiresIn } = this.#times.of(message, usual, uuids ?? [uuid]);
    const priority = PRIORITIES[(message.text("priority") ?? "medium") as keyof typeof PRIORITIES];
    // Spreads would take longer than all the rest.
    const read: AcceptMessage = {
      topic: topicOf(message),
      content,
      emails,
      priority,
      notBefore,
      expiresAt,
      expiresIn,
      uuid,
    };
    if (data !== null) read.data = data;
    if (uuids !== null) read.uuids = uuids;
    return read;
  }
}

function topicOf(message: Place): string | null {
  const { name, value } = message.either("topic_id", "topicId");
  return value === null || value === "" ? null : message.try(name, null, () => checkTopic(value));
}
