/** The AWS region of the environment. The AWS CLI reads AWS_DEFAULT_REGION, the SDK does not; undefined leaves it to the SDK's own chain. */
export function awsRegion(env: Readonly<Record<string, string | undefined>>): string | undefined {
  return env["AWS_REGION"] || env["AWS_DEFAULT_REGION"] || undefined;
}
