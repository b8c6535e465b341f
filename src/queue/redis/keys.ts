/** The keys beside the stream. */

/** Names of keys, all of one stream. */
export interface Keys {
  readonly stream: string;
  /** Ids of jobs that go first, and of jobs that wait for their time. */
  readonly priority: string;
  readonly delayed: string;
  /** A stream: what nobody could take. */
  readonly dead: string;
  /** The hash of a job that a set names. */
  job(id: string): string;
  status(id: string): string;
  /** A channel. */
  progress(issueId: string): string;
}

/**
 * The keys of a stream. Those that do not begin with the whole name of the stream begin with all of it up to its last
 * colon: `email:status:…` for the stream `email:send`, and `shop:status:…` for `shop:send`, so that two streams whose
 * producers count alike do not meet. A stream without a colon has those of `email:send`.
 */
export function keysOf(stream: string): Keys {
  const prefix = stream.includes(":") ? stream.slice(0, stream.lastIndexOf(":") + 1) : "email:";
  return {
    stream,
    priority: `${stream}:priority`,
    delayed: `${stream}:delayed`,
    dead: `${stream}:dlq`,
    job: (id) => `${prefix}job:${id}`,
    status: (id) => `${prefix}status:${id}`,
    progress: (issueId) => `${prefix}progress:${issueId}`,
  };
}
