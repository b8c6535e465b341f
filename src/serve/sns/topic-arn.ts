/** The parts of an ARN like `arn:aws:sns:us-east-1:123456789012:ses-events`. */
export interface TopicArn {
  /** `aws`, `aws-cn` or `aws-us-gov`. */
  partition: string;
  region: string;
  account: string;
  name: string;
}

/**
 * Only standard topics, because SES publishes to no others. The names of the others end with `.fifo`; no standard name
 * has a dot.
 */
const ARN = /^arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2}(?:-[a-z]+)+-\d{1,2}):(\d{12}):([\w-]{1,256})$/;

/** The parts of a standard SNS topic's ARN. Null: it is no such ARN, or its region lies in another partition. */
export function parseTopicArn(arn: string): TopicArn | null {
  if (arn.length > 400) return null;
  const [, partition, region, account, name] = ARN.exec(arn) ?? [];
  if (partition === undefined || region === undefined || account === undefined || name === undefined) return null;
  return partition === partitionOf(region) ? { partition, region, account, name } : null;
}

/** `sns.us-east-1.amazonaws.com`: the only host that may speak for SNS topics of the region. */
export function snsHost(region: string): string {
  return `sns.${region}.amazonaws.com${partitionOf(region) === "aws-cn" ? ".cn" : ""}`;
}

function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}
